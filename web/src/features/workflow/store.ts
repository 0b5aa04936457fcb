// The draft being edited, what the canvas draws of it, and the way back. One store for each open app.
import { applyEdgeChanges, applyNodeChanges, type EdgeChange, type NodeChange } from '@xyflow/react';
import { createContext, useContext } from 'react';
import { createStore, type StoreApi, useStore } from 'zustand';
import type { Issue } from '@/lib/api/types';
import { fitContainer, moveNodes, resizeNode, updateData } from './graph/edit';
import { type FlowEdge, type FlowNode, flowEdges, flowNodes } from './graph/flow';
import { type Config, type Data, findNode, type Graph, parentOf, readConfig, sameItems, type XY } from './graph/types';

const STEPS_BACK = 200;
/** Changes of the same thing within this time are one step. */
const SAME_STEP_MS = 1200;

export interface Studio {
  appId: string;
  isChat: boolean;
  canEdit: boolean;
  config: Config;
  nodes: FlowNode[];
  edges: FlowEdge[];
  past: Config[];
  future: Config[];
  /** What the server's check says of the whole, and by node. */
  issues: Issue[];
  issuesOf: ReadonlyMap<string, Issue[]>;
  setIssues: (issues: Issue[]) => void;
  /** Changes the draft. `step`: changes of the same step are undone together. */
  edit: (change: (config: Config) => Config, step?: string) => void;
  editGraph: (change: (graph: Graph) => Graph, step?: string) => void;
  editData: (id: string, change: (data: Data) => Data, step?: string) => void;
  undo: () => void;
  redo: () => void;
  /** Another draft in the place of this one. */
  replace: (draft: Data) => Config;
  onNodesChange: (changes: NodeChange<FlowNode>[]) => void;
  onEdgesChange: (changes: EdgeChange<FlowEdge>[]) => void;
  select: (ids: ReadonlySet<string>) => void;
}

export type StudioStore = StoreApi<Studio>;

interface Options {
  appId: string;
  draft: Data;
  isChat: boolean;
  canEdit: boolean;
}

export function makeStudio({ appId, draft, isChat, canEdit }: Options): StudioStore {
  let lastStep = '';
  let lastAt = 0;
  return createStore<Studio>((set, get) => {
    const drawn = (config: Config) => {
      const { nodes, edges } = get();
      return { config, nodes: flowNodes(config.graph, nodes), edges: flowEdges(config.graph, edges) };
    };
    const go = (config: Config, step: string) => {
      const before = get().config;
      if (config === before) return;
      const now = Date.now();
      const goesOn = step !== '' && step === lastStep && now - lastAt < SAME_STEP_MS;
      lastStep = step;
      lastAt = now;
      set((state) => ({
        ...(config.graph === before.graph ? { config } : drawn(config)),
        past: goesOn ? state.past : [...state.past.slice(-STEPS_BACK), before],
        future: [],
      }));
    };
    const first = readConfig(draft);
    return {
      appId,
      isChat,
      canEdit,
      config: first,
      nodes: flowNodes(first.graph),
      edges: flowEdges(first.graph),
      past: [],
      future: [],
      issues: [],
      issuesOf: new Map(),
      setIssues: (issues) => set((state) => ({ issues, issuesOf: byNode(issues, state.issuesOf) })),
      edit: (change, step = '') => go(change(get().config), step),
      editGraph: (change, step = '') => {
        const { config } = get();
        const graph = change(config.graph);
        go(graph === config.graph ? config : { ...config, graph }, step);
      },
      editData: (id, change, step) =>
        get().editGraph((graph) => updateData(graph, id, change), step ? `${id}.${step}` : ''),
      undo: () => {
        const { past, future, config } = get();
        const before = past.at(-1);
        if (!before) return;
        lastStep = '';
        set({ ...drawn(before), past: past.slice(0, -1), future: [config, ...future] });
      },
      redo: () => {
        const { past, future, config } = get();
        const [next, ...rest] = future;
        if (!next) return;
        lastStep = '';
        set({ ...drawn(next), past: [...past, config], future: rest });
      },
      replace: (next) => {
        const config = readConfig(next);
        lastStep = '';
        set({ ...drawn(config), past: [], future: [] });
        return config;
      },
      onNodesChange: (changes) => {
        const drawnChanges = changes.filter((change) => change.type !== 'remove');
        set((state) => ({ nodes: applyNodeChanges(drawnChanges, state.nodes) }));
        settle(changes, get);
      },
      onEdgesChange: (changes) =>
        set((state) => ({
          edges: applyEdgeChanges(
            changes.filter((change) => change.type !== 'remove'),
            state.edges,
          ),
        })),
      select: (ids) =>
        set((state) => {
          const nodes = state.nodes.map((node) =>
            Boolean(node.selected) === ids.has(node.id) ? node : { ...node, selected: ids.has(node.id) },
          );
          return sameItems(nodes, state.nodes) ? state : { nodes };
        }),
    };
  });
}

/** The issues of each node; lists that say the same stay the same. */
function byNode(issues: Issue[], before: ReadonlyMap<string, Issue[]>): ReadonlyMap<string, Issue[]> {
  const found = Map.groupBy(
    issues.filter((issue) => issue.node_id),
    (issue) => issue.node_id ?? '',
  );
  for (const [id, list] of found) {
    const old = before.get(id);
    if (old && JSON.stringify(old) === JSON.stringify(list)) found.set(id, old);
  }
  return found;
}

/** Places and sizes become the draft's once they are final. */
function settle(changes: NodeChange<FlowNode>[], get: () => Studio) {
  const moved = new Map<string, XY>();
  const sized = new Map<string, { width: number; height: number }>();
  for (const change of changes) {
    if (change.type === 'position' && change.dragging === false && change.position) {
      moved.set(change.id, { x: Math.round(change.position.x), y: Math.round(change.position.y) });
    }
    if (change.type === 'dimensions' && change.resizing === false && change.dimensions)
      sized.set(change.id, change.dimensions);
  }
  if ((moved.size === 0 && sized.size === 0) || !get().canEdit) return;
  // the place of a node that was only touched by the pointer is its own
  get().editGraph((graph) => {
    let next = moveNodes(graph, moved);
    for (const id of moved.keys()) {
      const node = findNode(next, id);
      const parent = node && next !== graph ? parentOf(node) : undefined;
      if (parent) next = fitContainer(next, parent);
    }
    for (const [id, { width, height }] of sized) {
      next = fitContainer(resizeNode(next, id, Math.round(width), Math.round(height)), id);
    }
    return next;
  });
}

const Context = createContext<StudioStore | null>(null);
export const StudioProvider = Context.Provider;

export function useStudioStore(): StudioStore {
  const store = useContext(Context);
  if (!store) throw new Error('outside of a studio');
  return store;
}

export function useStudio<T>(select: (studio: Studio) => T): T {
  return useStore(useStudioStore(), select);
}
