// A tidy place for every node, by dagre. Loaded when somebody asks for it.
import { Graph as Dagre, layout } from '@dagrejs/dagre';
import { INSET, moveNodes, resizeNode, sizeOf } from './edit';
import { childrenOf, type Graph, isContainer, isNote, parentOf, type RawNode, typeOf, type XY } from './types';

type Size = { width: number; height: number };

/** `measured`: how large nodes are on the canvas. */
export function arrange(graph: Graph, measured: ReadonlyMap<string, Size>): Graph {
  let next = graph;
  const size = (node: RawNode): Size =>
    isContainer(typeOf(node)) ? sizeOf(node) : (measured.get(node.id) ?? sizeOf(node));
  const level = (parent: string | undefined) => {
    const members = next.nodes.filter((node) => parentOf(node) === parent && !isNote(node));
    for (const node of members.filter((one) => isContainer(typeOf(one))))
      if (childrenOf(next, node.id).length > 0) level(node.id);
    const fresh = next.nodes.filter((node) => parentOf(node) === parent && !isNote(node));
    const dagre = new Dagre();
    dagre.setGraph({ rankdir: 'LR', nodesep: 36, ranksep: 72, align: 'UL' });
    dagre.setDefaultEdgeLabel(() => ({}));
    for (const node of fresh) dagre.setNode(node.id, { ...size(node) });
    const ids = new Set(fresh.map((node) => node.id));
    for (const edge of next.edges)
      if (ids.has(edge.source) && ids.has(edge.target)) dagre.setEdge(edge.source, edge.target);
    layout(dagre);
    const corners = new Map<string, XY>();
    for (const node of fresh) {
      const { x, y } = dagre.node(node.id) as XY;
      const { width, height } = size(node);
      corners.set(node.id, { x: x - width / 2, y: y - height / 2 });
    }
    const left = Math.min(...[...corners.values()].map((at) => at.x));
    const top = Math.min(...[...corners.values()].map((at) => at.y));
    const origin = parent ? { x: INSET.left, y: INSET.top } : { x: 80, y: 120 };
    const places = new Map(
      [...corners].map(([id, at]) => [
        id,
        { x: Math.round(at.x - left + origin.x), y: Math.round(at.y - top + origin.y) },
      ]),
    );
    next = moveNodes(next, places);
    if (parent) {
      const right = Math.max(...fresh.map((node) => (places.get(node.id)?.x ?? 0) + size(node).width));
      const bottom = Math.max(...fresh.map((node) => (places.get(node.id)?.y ?? 0) + size(node).height));
      next = resizeNode(next, parent, right + INSET.right, bottom + INSET.bottom);
    }
  };
  if (next.nodes.some((node) => !isNote(node))) level(undefined);
  return next;
}
