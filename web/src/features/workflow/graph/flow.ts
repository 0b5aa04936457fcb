// From a graph to what the canvas draws. A node that was not edited is drawn from the very same object, so that it is not
// drawn again.
import type { Edge, Node } from '@xyflow/react';
import { handleOf, idOfEdge, sizeOf } from './edit';
import { noteText } from './note';
import {
  type Graph,
  isContainer,
  isInnerStart,
  isNote,
  parentOf,
  type RawNode,
  sameItems,
  titleOf,
  typeOf,
  type XY,
} from './types';

export type FlowNode = Node<{ raw: RawNode }, 'block' | 'container' | 'inner-start' | 'note'>;
export type FlowEdge = Edge;

const drawn = new WeakMap<RawNode, FlowNode>();

function kindOf(node: RawNode): 'block' | 'container' | 'inner-start' | 'note' {
  const type = typeOf(node);
  if (isNote(node)) return 'note';
  return isContainer(type) ? 'container' : isInnerStart(type) ? 'inner-start' : 'block';
}

function draw(raw: RawNode, position: XY, known: ReadonlySet<string>, size: Size | undefined): FlowNode {
  const kept = drawn.get(raw);
  if (kept && kept.position.x === position.x && kept.position.y === position.y) return kept;
  const kind = kindOf(raw);
  const sized = kind === 'container' || kind === 'note';
  const node: FlowNode = {
    id: raw.id,
    type: kind,
    data: { raw },
    ariaLabel: isNote(raw) ? noteText(raw.data.text) : titleOf(raw),
    position,
    ...(raw.parentId && known.has(raw.parentId) ? { parentId: raw.parentId } : {}),
    ...(sized ? (size ?? sizeOf(raw)) : {}),
    ...(kind === 'inner-start' ? { draggable: false, selectable: false, deletable: false } : {}),
    zIndex: kind === 'note' ? -1 : kind === 'container' ? (raw.parentId ? 2 : 0) : raw.parentId ? 3 : 1,
  };
  if (raw.position) drawn.set(raw, node);
  return node;
}

interface Size {
  width: number;
  height: number;
}

/** Nodes with those around others first, and what the canvas itself knows of them (`before`) kept. */
export function flowNodes(graph: Graph, before: readonly FlowNode[] = []): FlowNode[] {
  const known = new Set(graph.nodes.map((node) => node.id));
  const old = new Map(before.map((node) => [node.id, node]));
  const missing = graph.nodes.some((node) => !node.position);
  const { places, sizes } = missing
    ? layInRows(graph)
    : { places: new Map<string, XY>(), sizes: new Map<string, Size>() };
  const taken = new Set<string>();
  const nodes = graph.nodes.map((raw) => {
    const at = ownPlace(raw, raw.position ?? places.get(raw.id) ?? { x: 0, y: 0 }, taken);
    const next = draw(raw, at, known, sizes.get(raw.id));
    const was = old.get(raw.id);
    if (!was) return next;
    if (was.data === next.data && was.position.x === next.position.x && was.position.y === next.position.y) return was;
    return {
      ...next,
      ...(was.measured ? { measured: was.measured } : {}),
      ...(was.selected ? { selected: true } : {}),
    };
  });
  return nodes.some((node) => node.parentId) ? aroundFirst(nodes) : nodes;
}

/** Files may put one node exactly onto another: it is drawn under it, so that both are seen. */
function ownPlace(raw: RawNode, at: XY, taken: Set<string>): XY {
  const key = (y: number) => `${parentOf(raw) ?? ''} ${at.x} ${y}`;
  let { y } = at;
  while (taken.has(key(y))) y += ROW;
  taken.add(key(y));
  return y === at.y ? at : { x: at.x, y };
}

function aroundFirst(nodes: FlowNode[]): FlowNode[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const depth = (node: FlowNode): number => {
    let steps = 0;
    for (let at: FlowNode | undefined = node; at?.parentId && steps < 10; at = byId.get(at.parentId)) steps += 1;
    return steps;
  };
  return nodes
    .map((node) => [depth(node), node] as const)
    .sort(([a], [b]) => a - b)
    .map(([, node]) => node);
}

/** The same list as `before` where nothing changed. */
export function flowEdges(graph: Graph, before: FlowEdge[] = []): FlowEdge[] {
  const old = new Map(before.map((edge) => [edge.id, edge]));
  const inside = new Map(graph.nodes.map((node) => [node.id, parentOf(node)]));
  const seen = new Set<string>();
  const edges = graph.edges.flatMap((raw): FlowEdge[] => {
    const id = idOfEdge(raw);
    if (seen.has(id) || !inside.has(raw.source) || !inside.has(raw.target)) return [];
    seen.add(id);
    const was = old.get(id);
    const sourceHandle = handleOf(raw);
    if (was && was.source === raw.source && was.target === raw.target && was.sourceHandle === sourceHandle)
      return [was];
    return [
      {
        id,
        type: 'joint',
        source: raw.source,
        sourceHandle,
        target: raw.target,
        targetHandle: 'target',
        zIndex: inside.get(raw.source) ? 3 : 0,
      },
    ];
  });
  return sameItems(edges, before) ? before : edges;
}

const COLUMN = 312;
const ROW = 136;

/** Places for the nodes of files that have none: columns along the edges, inside of each container too. */
function layInRows(graph: Graph): { places: Map<string, XY>; sizes: Map<string, Size> } {
  const places = new Map<string, XY>();
  const sizes = new Map<string, Size>();
  const levels = new Map<string | undefined, RawNode[]>();
  for (const node of graph.nodes) {
    const parent = parentOf(node);
    levels.set(parent, [...(levels.get(parent) ?? []), node]);
  }
  const lay = (parent: string | undefined): Size => {
    const members = levels.get(parent) ?? [];
    const ids = new Set(members.map((node) => node.id));
    const column = new Map<string, number>();
    const edges = graph.edges.filter((edge) => ids.has(edge.source) && ids.has(edge.target));
    // as often as there are nodes: circles end too
    for (let round = 0; round < members.length; round += 1) {
      let moved = false;
      for (const edge of edges) {
        const wanted = (column.get(edge.source) ?? 0) + 1;
        if (wanted > (column.get(edge.target) ?? 0) && wanted < members.length) {
          column.set(edge.target, wanted);
          moved = true;
        }
      }
      if (!moved) break;
    }
    const left = parent ? 24 : 80;
    const top = parent ? 76 : 240;
    const heights: number[] = [];
    const widths: number[] = [];
    for (const node of members) {
      const at = column.get(node.id) ?? 0;
      const size = isContainer(typeOf(node)) ? lay(node.id) : sizeOf(node);
      if (isContainer(typeOf(node))) sizes.set(node.id, size);
      widths[at] = Math.max(widths[at] ?? COLUMN - 72, size.width);
      places.set(node.id, { x: at, y: top + (heights[at] ?? 0) });
      heights[at] = (heights[at] ?? 0) + Math.max(ROW, size.height + 40);
    }
    const starts: number[] = [];
    let x = left;
    for (let at = 0; at < Math.max(widths.length, 1); at += 1) {
      starts[at] = x;
      x += (widths[at] ?? COLUMN - 72) + 72;
    }
    for (const node of members) {
      const place = places.get(node.id);
      if (place) places.set(node.id, { x: starts[place.x] ?? left, y: place.y });
    }
    return { width: Math.max(x - 48, 320), height: top + Math.max(0, ...heights) };
  };
  lay(undefined);
  return { places, sizes };
}
