import { type ReactFlowInstance, useReactFlow, useStore, type Viewport } from '@xyflow/react';
import { useEffect, useRef } from 'react';
import type { FlowEdge, FlowNode } from '../graph/flow';
import { isEntry, typeOf } from '../graph/types';
import { useUi } from '../ui';

type Flow = ReactFlowInstance<FlowNode, FlowEdge>;

const MARGIN = 28;
/** Smaller, the whole says nothing; then the beginning is shown, and can be read. */
const OVERVIEW = 0.45;
const READABLE = 0.6;
/** The map in the corner, with its margin. */
export const MAP_SIZE = { width: 168, height: 112, margin: 12 };

/** All of it, as large as it fits beside the map. */
export function fitAll(flow: Flow, duration = 0): Promise<boolean> {
  const map = useUi.getState().hasMinimap ? MAP_SIZE.height + MAP_SIZE.margin : 0;
  return flow.fitView({
    duration,
    maxZoom: 1,
    padding: { x: `${MARGIN}px`, top: `${MARGIN}px`, bottom: `${MARGIN + map}px` },
  });
}

/** All of it where that can be read, else the beginning. */
async function begin(flow: Flow): Promise<void> {
  await fitAll(flow);
  const first = flow.getNodes().find((node) => isEntry(typeOf(node.data.raw)));
  if (flow.getZoom() >= OVERVIEW || !first) return;
  const box = document.querySelector('.react-flow')?.getBoundingClientRect();
  await flow.setViewport({
    x: 64 - first.position.x * READABLE,
    y: (box?.height ?? 800) / 2 - (first.position.y + 60) * READABLE,
    zoom: READABLE,
  });
}

/** How far to go so that `from` to `to` lies within 0 to `room`; of what is too long the beginning is shown. */
export function overhang(from: number, to: number, room: number): number {
  const before = from - MARGIN;
  const after = to + MARGIN - room;
  if (before < 0) return before;
  return after > 0 ? Math.min(after, before) : 0;
}

/** Moves the canvas as little as is needed for a node to be seen: what opens beside it may have taken its place. */
async function reveal(flow: Flow, id: string): Promise<void> {
  const node = flow.getInternalNode(id);
  const box = document.querySelector('.react-flow')?.getBoundingClientRect();
  if (!node || !box) return;
  const { x, y, zoom } = flow.getViewport();
  const at = node.internals.positionAbsolute;
  const left = at.x * zoom + x;
  const top = at.y * zoom + y;
  const dx = overhang(left, left + (node.measured.width ?? 240) * zoom, box.width);
  const dy = overhang(top, top + (node.measured.height ?? 84) * zoom, box.height);
  if (dx || dy) await flow.setViewport({ x: x - dx, y: y - dy, zoom }, { duration: 180 });
}

/** Keeps the chosen node in sight; with none, until somebody moves the canvas, it begins anew whenever its room changes. */
export function useView(chosen: string | undefined): void {
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const width = useStore((state) => state.width);
  const left = useRef<Viewport & { width: number }>(undefined);
  useEffect(() => {
    if (!flow.viewportInitialized) return;
    const show = async () => {
      const was = left.current;
      const now = flow.getViewport();
      const isUntouched = !was || (was.x === now.x && was.y === now.y && was.zoom === now.zoom);
      if (!was || (isUntouched && !chosen && was.width !== width)) await begin(flow);
      if (chosen) await reveal(flow, chosen);
      if (isUntouched) left.current = { ...flow.getViewport(), width };
    };
    void show();
  }, [flow, width, chosen]);
}
