// Nodes on their way to another place: in this app, or in another one in another window.
import { fitContainer, handleOf, INSET, newId } from './edit';
import { mapReferences } from './references';
import {
  type Data,
  findNode,
  type Graph,
  isContainer,
  isEntry,
  isInnerStart,
  parentOf,
  type RawEdge,
  type RawNode,
  record,
  text,
  typeOf,
  type XY,
} from './types';

const KIND = 'ashlar/workflow-nodes';

export interface Clip {
  kind: typeof KIND;
  nodes: RawNode[];
  edges: RawEdge[];
}

/** The chosen nodes with what lies inside of them, and the edges between them. */
export function copyNodes(graph: Graph, ids: ReadonlySet<string>): Clip {
  const chosen = new Set(ids);
  let grew = true;
  while (grew) {
    grew = false;
    for (const node of graph.nodes) {
      const parent = parentOf(node);
      if (parent && chosen.has(parent) && !chosen.has(node.id)) {
        chosen.add(node.id);
        grew = true;
      }
    }
  }
  // an inner start without its container means nothing
  const nodes = graph.nodes.filter((node) => {
    const parent = parentOf(node);
    return chosen.has(node.id) && (!isInnerStart(typeOf(node)) || (parent !== undefined && chosen.has(parent)));
  });
  return { kind: KIND, nodes, edges: graph.edges.filter((edge) => chosen.has(edge.source) && chosen.has(edge.target)) };
}

export function parseClip(textOfClip: string): Clip | null {
  try {
    const value: unknown = JSON.parse(textOfClip);
    const clip = record(value);
    if (clip.kind !== KIND || !Array.isArray(clip.nodes) || !Array.isArray(clip.edges)) return null;
    const whole = clip.nodes.every((node) => text(record(node).id) && typeof record(node).data === 'object');
    return whole && clip.nodes.length > 0 ? (value as Clip) : null;
  } catch {
    return null;
  }
}

interface Place {
  /** Where the nodes' upper left corner comes to lie. */
  at: XY;
  /** The container that they are put into. */
  parent?: string | undefined;
}

/**
 * Puts nodes into a graph under new ids; what they read of each other follows. A second start node is left out, as are
 * containers inside of containers of the same place. Gives the new ids of those that lie on top.
 */
export function pasteNodes(graph: Graph, clip: Clip, { at, parent }: Place): [Graph, string[]] {
  const hasStart = graph.nodes.some((node) => typeOf(node) === 'start');
  const into = parent ? findNode(graph, parent) : undefined;
  const taken = (node: RawNode) => {
    const type = typeOf(node);
    return (type === 'start' && hasStart) || (into !== undefined && isEntry(type));
  };
  const nodes = clip.nodes.filter((node) => !taken(node));
  const inClip = new Set(nodes.map((node) => node.id));
  const ids = new Map<string, string>();
  let reserved: Graph = graph;
  for (const node of nodes.filter((one) => !isInnerStart(typeOf(one)))) {
    const id = newId(reserved);
    ids.set(node.id, id);
    reserved = { ...reserved, nodes: [...reserved.nodes, { ...node, id }] };
  }
  for (const node of nodes.filter((one) => isInnerStart(typeOf(one)))) {
    const container = parentOf(node);
    ids.set(node.id, `${(container && ids.get(container)) ?? newId(reserved)}start`);
  }
  const isTop = (node: RawNode) => !inClip.has(parentOf(node) ?? '');
  const top = nodes.filter(isTop);
  const corner = {
    x: Math.min(...top.map((node) => node.position?.x ?? 0)),
    y: Math.min(...top.map((node) => node.position?.y ?? 0)),
  };
  const origin = into ? { x: Math.max(at.x, INSET.left), y: Math.max(at.y, INSET.top) } : at;
  const pasted = nodes.map((node): RawNode => {
    const { parentId: _, extent: __, positionAbsolute: ___, ...rest } = node;
    const id = ids.get(node.id) ?? node.id;
    const data = inPlace(node, ids, isTop(node) ? into : undefined, inClip);
    const old = parentOf(node);
    const container = old && inClip.has(old) ? ids.get(old) : into?.id;
    const from = node.position ?? corner;
    const position = isTop(node)
      ? { x: origin.x + from.x - corner.x, y: origin.y + from.y - corner.y }
      : { x: from.x, y: from.y };
    return {
      ...rest,
      id,
      data,
      position,
      selected: false,
      ...(container ? { parentId: container, zIndex: 1002 } : {}),
    };
  });
  const edges = clip.edges.flatMap((edge): RawEdge[] => {
    const source = ids.get(edge.source);
    const target = ids.get(edge.target);
    if (!source || !target) return [];
    const data = record(edge.data);
    const moved = {
      ...data,
      ...('iteration_id' in data ? { iteration_id: ids.get(text(data.iteration_id)) ?? into?.id } : {}),
      ...('loop_id' in data ? { loop_id: ids.get(text(data.loop_id)) ?? into?.id } : {}),
    };
    return [
      {
        ...edge,
        id: `${source}-${handleOf(edge)}-${target}-target`,
        source,
        target,
        ...(edge.data ? { data: moved } : {}),
      },
    ];
  });
  const next = { ...graph, nodes: [...graph.nodes, ...pasted], edges: [...graph.edges, ...edges] };
  const topIds = top.map((node) => ids.get(node.id) ?? node.id);
  return [into ? fitContainer(next, into.id) : next, topIds];
}

function inPlace(
  node: RawNode,
  ids: ReadonlyMap<string, string>,
  into: RawNode | undefined,
  inClip: ReadonlySet<string>,
): Data {
  let data = mapReferences(node.data, (selector) => {
    const id = ids.get(selector[0] ?? '');
    return id && inClip.has(selector[0] ?? '') ? [id, ...selector.slice(1)] : selector;
  });
  if (isContainer(typeOf(node)))
    data = { ...data, start_node_id: ids.get(text(data.start_node_id)) ?? data.start_node_id };
  const { isInIteration: _, iteration_id: _i, isInLoop: __, loop_id: _l, ...bare } = data;
  const old = parentOf(node);
  const container = old && inClip.has(old) ? ids.get(old) : into?.id;
  if (!container) return bare;
  const isLoop = into ? typeOf(into) === 'loop' : 'loop_id' in data && Boolean(data.loop_id);
  const isLoopStart = typeOf(node) === 'loop-start';
  return isLoop || isLoopStart
    ? { ...bare, isInLoop: true, loop_id: container }
    : { ...bare, isInIteration: true, iteration_id: container };
}

/** The same once more beside it, in the same container. */
export function duplicateNodes(graph: Graph, ids: ReadonlySet<string>): [Graph, string[]] {
  const clip = copyNodes(graph, new Set([...ids].filter((id) => typeOf(findNode(graph, id) ?? EMPTY) !== 'start')));
  if (clip.nodes.length === 0) return [graph, []];
  const top = clip.nodes.filter((node) => !clip.nodes.some((other) => other.id === parentOf(node)));
  const parents = new Set(top.map(parentOf));
  const at = {
    x: Math.min(...top.map((node) => node.position?.x ?? 0)) + 40,
    y: Math.min(...top.map((node) => node.position?.y ?? 0)) + 60,
  };
  return pasteNodes(graph, clip, { at, parent: parents.size === 1 ? [...parents][0] : undefined });
}

const EMPTY: RawNode = { id: '', data: {} };
