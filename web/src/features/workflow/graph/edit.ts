// What can be done to a graph. Each function gives a new graph; whatever it does not touch stays the same object.
import { handlesOf, NEXT, TARGET, takesEdges } from './handles';
import { mapReferences } from './references';
import { nodesAfter } from './scope';
import {
  childrenOf,
  type Data,
  findNode,
  type Graph,
  isContainer,
  isInnerStart,
  isNote,
  parentOf,
  type RawEdge,
  type RawNode,
  type Selector,
  text,
  typeOf,
  type XY,
} from './types';

const NODE_WIDTH = 240;
const GAP = 72;
/** Room around the nodes inside a container: over them is its title. */
export const INSET = { top: 76, left: 24, right: 24, bottom: 24 };
const INNER_START = { width: 44, height: 44 };
const EMPTY_CONTAINER = { width: 440, height: 200 };

/** Ids as other editors write them: the time in milliseconds, counted up while taken. */
export function newId(graph: Graph, now = Date.now()): string {
  const taken = new Set(graph.nodes.map((node) => node.id));
  let id = now;
  while (taken.has(String(id))) id += 1;
  return String(id);
}

const edgeId = (source: string, handle: string, target: string) => `${source}-${handle}-${target}-${TARGET}`;

/** What edges say of the nodes they join. */
function makeEdge(graph: Graph, source: string, handle: string, target: string): RawEdge {
  const from = findNode(graph, source);
  const to = findNode(graph, target);
  const container = from && parentOf(from);
  const around = container ? findNode(graph, container) : undefined;
  const isLoop = around !== undefined && typeOf(around) === 'loop';
  return {
    id: edgeId(source, handle, target),
    type: 'custom',
    source,
    sourceHandle: handle,
    target,
    targetHandle: TARGET,
    data: {
      sourceType: from ? typeOf(from) : '',
      targetType: to ? typeOf(to) : '',
      isInIteration: around !== undefined && !isLoop,
      ...(around && !isLoop ? { iteration_id: container } : {}),
      isInLoop: isLoop,
      ...(isLoop ? { loop_id: container } : {}),
    },
    zIndex: around ? 1002 : 0,
  };
}

export interface Connection {
  source: string;
  sourceHandle: string;
  target: string;
}

/** Whether an edge may be drawn: between two places of one level, once, and never back. */
export function canConnect(graph: Graph, { source, sourceHandle, target }: Connection): boolean {
  const from = findNode(graph, source);
  const to = findNode(graph, target);
  if (!from || !to || source === target || isNote(from) || isNote(to)) return false;
  if (parentOf(from) !== parentOf(to) || !takesEdges(typeOf(to))) return false;
  if (!handlesOf(from.data).some((handle) => handle.id === sourceHandle)) return false;
  if (graph.edges.some((edge) => edge.source === source && handleOf(edge) === sourceHandle && edge.target === target))
    return false;
  return !nodesAfter(graph, target).has(source);
}

export const handleOf = (edge: RawEdge): string => edge.sourceHandle || NEXT;

export function connect(graph: Graph, connection: Connection): Graph {
  if (!canConnect(graph, connection)) return graph;
  const { source, sourceHandle, target } = connection;
  return { ...graph, edges: [...graph.edges, makeEdge(graph, source, sourceHandle, target)] };
}

/** The id by which an edge is known here; files may leave it out. */
export const idOfEdge = (edge: RawEdge): string => edge.id || edgeId(edge.source, handleOf(edge), edge.target);

export function removeEdges(graph: Graph, ids: ReadonlySet<string>): Graph {
  const edges = graph.edges.filter((edge) => !ids.has(idOfEdge(edge)));
  return edges.length === graph.edges.length ? graph : { ...graph, edges };
}

/** Without these nodes, what lies inside of them, and the edges of all of them. Inner starts go with their container only. */
export function removeNodes(graph: Graph, ids: ReadonlySet<string>): Graph {
  const gone = new Set(
    graph.nodes.filter((node) => ids.has(node.id) && !isInnerStart(typeOf(node))).map((node) => node.id),
  );
  let grew = gone.size > 0;
  while (grew) {
    grew = false;
    for (const node of graph.nodes) {
      const parent = parentOf(node);
      if (parent && gone.has(parent) && !gone.has(node.id)) {
        gone.add(node.id);
        grew = true;
      }
    }
  }
  if (gone.size === 0) return graph;
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => !gone.has(node.id)),
    edges: graph.edges.filter((edge) => !gone.has(edge.source) && !gone.has(edge.target)),
  };
}

function updateNode(graph: Graph, id: string, change: (node: RawNode) => RawNode): Graph {
  let touched = false;
  const nodes = graph.nodes.map((node) => {
    if (node.id !== id) return node;
    const next = change(node);
    touched = next !== node;
    return next;
  });
  return touched ? { ...graph, nodes } : graph;
}

export function updateData(graph: Graph, id: string, change: (data: Data) => Data): Graph {
  const before = findNode(graph, id);
  if (!before) return graph;
  const data = change(before.data);
  if (data === before.data) return graph;
  return withoutLooseEdges(
    updateNode(graph, id, (node) => ({ ...node, data })),
    id,
  );
}

/** Without the edges that leave a node where it has no handle any more. */
function withoutLooseEdges(graph: Graph, id: string): Graph {
  const node = findNode(graph, id);
  if (!node) return graph;
  const handles = new Set(handlesOf(node.data).map((handle) => handle.id));
  // a node that became known to have branches keeps nothing at its old one handle
  const edges = graph.edges.filter((edge) => edge.source !== id || handles.has(handleOf(edge)));
  return edges.length === graph.edges.length ? graph : { ...graph, edges };
}

export function moveNodes(graph: Graph, positions: ReadonlyMap<string, XY>): Graph {
  let touched = false;
  const nodes = graph.nodes.map((node) => {
    const to = positions.get(node.id);
    if (!to || (node.position?.x === to.x && node.position.y === to.y)) return node;
    touched = true;
    const moved: RawNode = { ...node, position: { x: to.x, y: to.y } };
    // a copy that older editors keep
    if ('positionAbsolute' in moved && !parentOf(node)) moved.positionAbsolute = { x: to.x, y: to.y };
    return moved;
  });
  return touched ? { ...graph, nodes } : graph;
}

export function resizeNode(graph: Graph, id: string, width: number, height: number): Graph {
  return updateNode(graph, id, (node) => ({ ...node, width, height, data: { ...node.data, width, height } }));
}

export interface NewNode {
  data: Data;
  position: XY;
  parent?: string | undefined;
  id?: string;
}

/** Adds a node; containers come with their start. Gives the graph and the node's id. */
export function addNode(graph: Graph, { data, position, parent, id = newId(graph) }: NewNode): [Graph, string] {
  const type = text(data.type);
  const container = parent ? findNode(graph, parent) : undefined;
  const inside = container ? insideOf(container) : {};
  const node: RawNode = {
    id,
    type: type === 'loop-end' ? 'custom-loop-end' : type === '' ? 'custom-note' : 'custom',
    data: { ...data, ...inside, ...(isContainer(type) ? { start_node_id: `${id}start`, ...EMPTY_CONTAINER } : {}) },
    position,
    ...(container ? { parentId: container.id, zIndex: 1002 } : {}),
    ...(isContainer(type) ? { ...EMPTY_CONTAINER, zIndex: 1 } : {}),
    ...(type === '' ? { width: 240, height: 96 } : {}),
    sourcePosition: 'right',
    targetPosition: 'left',
  };
  const nodes = [...graph.nodes, node, ...(isContainer(type) ? [innerStart(node)] : [])];
  return [container ? fitContainer({ ...graph, nodes }, container.id) : { ...graph, nodes }, id];
}

function insideOf(container: RawNode): Data {
  return typeOf(container) === 'loop'
    ? { isInLoop: true, loop_id: container.id, isInIteration: false }
    : { isInIteration: true, iteration_id: container.id, isInLoop: false };
}

function innerStart(container: RawNode): RawNode {
  const type = `${typeOf(container)}-start`;
  return {
    id: `${container.id}start`,
    type: `custom-${type}`,
    data: { type, title: '', desc: '', ...insideOf(container) },
    parentId: container.id,
    position: { x: INSET.left, y: INSET.top },
    ...INNER_START,
    draggable: false,
    selectable: false,
    zIndex: 1002,
    sourcePosition: 'right',
    targetPosition: 'left',
  };
}

/** Adds a node behind a handle; what stands right of it on the same level makes room when it would be covered. */
export function appendNode(graph: Graph, from: { source: string; sourceHandle: string }, data: Data): [Graph, string] {
  const source = findNode(graph, from.source);
  const parent = source && parentOf(source);
  const at = source?.position ?? { x: 0, y: 0 };
  const taken = graph.edges.filter((edge) => edge.source === from.source).length;
  const position = { x: at.x + sizeOf(source).width + GAP, y: at.y + taken * 120 };
  const [added, id] = addNode(graph, { data, position, parent });
  const next = connect(added, { ...from, target: id });
  return [parent ? fitContainer(next, parent) : next, id];
}

/** Puts a node into an edge: what follows moves right to make room. */
export function insertNode(graph: Graph, edge: RawEdge, data: Data): [Graph, string] {
  const source = findNode(graph, edge.source);
  const target = findNode(graph, edge.target);
  if (!source || !target) return [graph, ''];
  const parent = parentOf(target);
  const at = target.position ?? { x: 0, y: 0 };
  const free = at.x - ((source.position?.x ?? 0) + sizeOf(source).width);
  const room = sizeOf({ data }).width + 2 * GAP;
  const shift = Math.max(0, room - free);
  const moving = new Set([target.id, ...nodesAfter(graph, target.id)]);
  const positions = new Map<string, XY>();
  if (shift > 0) {
    for (const node of graph.nodes) {
      if (moving.has(node.id) && node.position)
        positions.set(node.id, { x: node.position.x + shift, y: node.position.y });
    }
  }
  const moved = moveNodes(graph, positions);
  const position = { x: at.x + shift - sizeOf({ data }).width - GAP, y: at.y };
  const [added, id] = addNode(moved, { data, position, parent });
  const cut = removeEdges(added, new Set([idOfEdge(edge)]));
  const first = connect(cut, { source: edge.source, sourceHandle: handleOf(edge), target: id });
  const way = findNode(first, id);
  const out = way ? handlesOf(way.data).find((handle) => handle.kind !== 'fail') : undefined;
  const next = out ? connect(first, { source: id, sourceHandle: out.id, target: edge.target }) : first;
  return [parent ? fitContainer(next, parent) : next, id];
}

/** How large a node is drawn, where that is known without drawing it. */
export function sizeOf(node: Pick<RawNode, 'data' | 'width' | 'height'> | undefined): {
  width: number;
  height: number;
} {
  const type = text(node?.data.type);
  const given = (side: 'width' | 'height') => node?.[side] ?? (node?.data[side] as number | undefined);
  if (type !== '' && !isContainer(type))
    return { width: isInnerStart(type) ? INNER_START.width : NODE_WIDTH, height: given('height') ?? 84 };
  return { width: given('width') ?? EMPTY_CONTAINER.width, height: given('height') ?? EMPTY_CONTAINER.height };
}

/** Makes a container as large as what lies inside of it needs, and those around it. */
export function fitContainer(graph: Graph, id: string): Graph {
  const container = findNode(graph, id);
  if (!container) return graph;
  let { width, height } = sizeOf(container);
  for (const child of childrenOf(graph, id)) {
    const at = child.position ?? { x: 0, y: 0 };
    const size = sizeOf(child);
    width = Math.max(width, at.x + size.width + INSET.right);
    height = Math.max(height, at.y + size.height + INSET.bottom);
  }
  const now = sizeOf(container);
  const next = width === now.width && height === now.height ? graph : resizeNode(graph, id, width, height);
  const parent = parentOf(container);
  return parent ? fitContainer(next, parent) : next;
}

/** Changes what every node reads, where `change` says so. */
function mapAllReferences(graph: Graph, change: (selector: Selector) => Selector): Graph {
  let touched = false;
  const nodes = graph.nodes.map((node) => {
    const data = mapReferences(node.data, change);
    if (data === node.data) return node;
    touched = true;
    return { ...node, data };
  });
  return touched ? { ...graph, nodes } : graph;
}

/** A variable has another name: all who read it follow. */
export function renameVariable(graph: Graph, nodeId: string, from: string, to: string): Graph {
  return mapAllReferences(graph, (selector) =>
    selector[0] === nodeId && selector[1] === from ? [nodeId, to, ...selector.slice(2)] : selector,
  );
}

/** A handle has another name: its edges follow. */
export function renameHandle(graph: Graph, nodeId: string, from: string, to: string): Graph {
  return {
    ...graph,
    edges: graph.edges.map((edge) =>
      edge.source === nodeId && handleOf(edge) === from
        ? { ...edge, id: edgeId(nodeId, to, edge.target), sourceHandle: to }
        : edge,
    ),
  };
}
