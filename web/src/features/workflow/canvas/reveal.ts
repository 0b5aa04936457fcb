import type { ReactFlowInstance } from '@xyflow/react';
import type { FlowEdge, FlowNode } from '../graph/flow';

const MARGIN = 28;

/** How far to go so that `from` to `to` lies within 0 to `room`; of what is too long the beginning is shown. */
export function overhang(from: number, to: number, room: number): number {
  const before = from - MARGIN;
  const after = to + MARGIN - room;
  if (before < 0) return before;
  return after > 0 ? Math.min(after, before) : 0;
}

/** Moves the canvas as little as is needed for a node to be seen: what opens beside it may have taken its place. */
export function reveal(flow: ReactFlowInstance<FlowNode, FlowEdge>, id: string): void {
  const node = flow.getInternalNode(id);
  const box = document.querySelector('.react-flow')?.getBoundingClientRect();
  if (!node || !box) return;
  const { x, y, zoom } = flow.getViewport();
  const at = node.internals.positionAbsolute;
  const left = at.x * zoom + x;
  const top = at.y * zoom + y;
  const dx = overhang(left, left + (node.measured.width ?? 240) * zoom, box.width);
  const dy = overhang(top, top + (node.measured.height ?? 84) * zoom, box.height);
  if (dx || dy) void flow.setViewport({ x: x - dx, y: y - dy, zoom }, { duration: 180 });
}
