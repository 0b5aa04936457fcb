import './canvas.css';
import {
  Background,
  BackgroundVariant,
  type Connection,
  type EdgeTypes,
  type FinalConnectionState,
  MiniMap,
  type NodeTypes,
  ReactFlow,
  SelectionMode,
  useReactFlow,
} from '@xyflow/react';
import { type DragEvent, memo, type MouseEvent as ReactMouseEvent, useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { useShallow } from 'zustand/shallow';
import { type Adding, add, canAdd } from '../actions';
import { canConnect, connect } from '../graph/edit';
import type { FlowEdge, FlowNode } from '../graph/flow';
import { NEXT } from '../graph/handles';
import { isContainer, text, typeOf, type XY } from '../graph/types';
import { KIND_NAMES } from '../nodes/kind';
import { useStudio, useStudioStore } from '../store';
import { type Target, useUi } from '../ui';
import { Block, familyColour } from './block';
import { ContainerBlock, InnerStart } from './container';
import { Joint } from './joint';
import { NoteBlock } from './note';
import { DRAG_TYPE, Palette } from './palette';
import { MAP_SIZE } from './view';

const NODE_TYPES: NodeTypes = { block: Block, container: ContainerBlock, 'inner-start': InnerStart, note: NoteBlock };
const EDGE_TYPES: EdgeTypes = { joint: Joint };
const NO_ATTRIBUTION = { hideAttribution: true };
const GRID: [number, number] = [8, 8];
/** From here on only what can be seen is drawn. */
const MANY = 60;
const SEVERAL = ['Shift', 'Meta', 'Control'];
const colourOf = (node: FlowNode) =>
  node.type === 'note'
    ? 'var(--line)'
    : `color-mix(in oklab, ${familyColour(typeOf(node.data.raw))} 45%, var(--surface))`;
const onDragOver = (event: DragEvent) => {
  if (!event.dataTransfer.types.includes(DRAG_TYPE)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = 'copy';
};

/** While all of it moves the wall is one picture: nothing in it is painted anew (`canvas.css`). */
const setMoving = (isMoving: boolean) =>
  document.querySelector('.react-flow')?.toggleAttribute('data-moving', isMoving);
const onMoveStart = () => setMoving(true);
const onMoveEnd = () => setMoving(false);

interface CanvasProps {
  onOpen: (nodeId: string | undefined) => void;
}

/**
 * The draft as a wall of blocks. It draws and reports; what happens to the graph is decided elsewhere. Every function that
 * goes into the flow stays the same one: a new one would draw all nodes again.
 */
export const Canvas = memo(function Canvas({ onOpen }: CanvasProps) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const hasMinimap = useUi((ui) => ui.hasMinimap);
  const { nodes, edges, canEdit, onNodesChange, onEdgesChange } = useStudio(
    useShallow((studio) => ({
      nodes: studio.nodes,
      edges: studio.edges,
      canEdit: studio.canEdit,
      onNodesChange: studio.onNodesChange,
      onEdgesChange: studio.onEdgesChange,
    })),
  );
  const graphOf = useCallback(() => store.getState().config.graph, [store]);
  const isValid = useCallback(
    ({ source, sourceHandle, target }: Connection | FlowEdge) =>
      canConnect(graphOf(), { source, sourceHandle: sourceHandle ?? NEXT, target }),
    [graphOf],
  );
  const onConnect = useCallback(
    ({ source, sourceHandle, target }: Connection) =>
      store.getState().editGraph((graph) => connect(graph, { source, sourceHandle: sourceHandle ?? NEXT, target })),
    [store],
  );
  const onAdd = useCallback(
    (adding: Adding, target: Target) => {
      const id = add(store, t, adding, target);
      if (id) onOpen(id);
    },
    [store, t, onOpen],
  );

  /** The container under a place, and the place inside of it. */
  const placeAt = useCallback(
    (at: XY): { at: XY; parent?: string } => {
      const under = flow
        .getIntersectingNodes({ ...at, width: 1, height: 1 })
        .filter((node) => isContainer(text(node.data.raw.data.type)))
        .at(-1);
      if (!under) return { at };
      const inner = flow.getInternalNode(under.id)?.internals.positionAbsolute ?? { x: 0, y: 0 };
      return { at: { x: at.x - inner.x, y: at.y - inner.y }, parent: under.id };
    },
    [flow],
  );
  // an edge that is let go over nothing asks what should be there
  const onConnectEnd = useCallback((event: MouseEvent | TouchEvent, state: FinalConnectionState) => {
    if (state.isValid || state.toNode || !state.fromNode || state.fromHandle?.type !== 'source') return;
    const point = 'changedTouches' in event ? event.changedTouches[0] : event;
    if (!point) return;
    useUi.getState().set({
      palette: {
        target: { kind: 'handle', source: state.fromNode.id, sourceHandle: state.fromHandle.id ?? NEXT },
        screen: { x: point.clientX, y: point.clientY },
      },
    });
  }, []);
  const onDrop = useCallback(
    (event: DragEvent) => {
      const name = KIND_NAMES.find((one) => one === event.dataTransfer.getData(DRAG_TYPE));
      if (!name) return;
      event.preventDefault();
      const point = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
      const place = placeAt({ x: Math.round(point.x - 40), y: Math.round(point.y - 20) });
      const target: Target = { kind: 'free', ...place };
      if (canAdd(name, graphOf(), { isChat: store.getState().isChat, target })) onAdd({ name }, target);
    },
    [flow, graphOf, onAdd, placeAt, store],
  );
  const onContextMenu = useCallback(
    (event: ReactMouseEvent | MouseEvent) => {
      event.preventDefault();
      if (!canEdit) return;
      const point = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
      const place = placeAt({ x: Math.round(point.x), y: Math.round(point.y) });
      useUi.getState().set({
        palette: { target: { kind: 'free', ...place }, screen: { x: event.clientX, y: event.clientY } },
      });
    },
    [canEdit, flow, placeAt],
  );
  const onNodeClick = useCallback(
    (event: ReactMouseEvent, node: FlowNode) => {
      if (event.shiftKey || event.metaKey || event.ctrlKey || node.type === 'note') return;
      onOpen(node.type === 'inner-start' ? undefined : node.id);
    },
    [onOpen],
  );
  const onPaneClick = useCallback(() => onOpen(undefined), [onOpen]);
  return (
    <>
      <ReactFlow<FlowNode, FlowEdge>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onConnect={onConnect}
        onConnectEnd={onConnectEnd}
        isValidConnection={isValid}
        onNodeClick={onNodeClick}
        onPaneClick={onPaneClick}
        onPaneContextMenu={onContextMenu}
        onDragOver={onDragOver}
        onDrop={onDrop}
        onMoveStart={onMoveStart}
        onMoveEnd={onMoveEnd}
        connectOnClick={false}
        nodesDraggable={canEdit}
        nodesConnectable={canEdit}
        edgesReconnectable={false}
        deleteKeyCode={null}
        multiSelectionKeyCode={SEVERAL}
        selectionMode={SelectionMode.Partial}
        panOnScroll
        zoomOnDoubleClick={false}
        snapToGrid
        snapGrid={GRID}
        minZoom={0.12}
        maxZoom={2}
        proOptions={NO_ATTRIBUTION}
        elevateNodesOnSelect={false}
        onlyRenderVisibleElements={nodes.length > MANY}
        aria-label={t('studio.canvas.label')}
      >
        <Background variant={BackgroundVariant.Lines} gap={64} lineWidth={0.5} color="var(--line)" />
        {hasMinimap && (
          <MiniMap<FlowNode>
            pannable
            zoomable
            position="bottom-right"
            ariaLabel={t('studio.canvas.minimap')}
            nodeBorderRadius={6}
            nodeColor={colourOf}
            className="overflow-hidden rounded-lg border border-line shadow-1"
            style={MAP_SIZE}
          />
        )}
      </ReactFlow>
      <Palette onAdd={onAdd} />
    </>
  );
});
