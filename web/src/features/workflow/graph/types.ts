// A workflow as its file has it (`workflow` section of the DSL). Nothing here is normalised: what this console does not know
// stays in the objects, and objects that are not edited stay the very same.

export type Data = Record<string, unknown>;
export type Selector = readonly string[];

export interface XY {
  x: number;
  y: number;
}

export interface RawNode {
  id: string;
  /** `custom`, `custom-note`, `custom-iteration-start`, … */
  type?: string;
  data: Data;
  /** Inside its container, if it has one. */
  position?: XY;
  parentId?: string;
  width?: number;
  height?: number;
  [other: string]: unknown;
}

export interface RawEdge {
  id?: string;
  source: string;
  sourceHandle?: string;
  target: string;
  targetHandle?: string;
  [other: string]: unknown;
}

export interface Graph {
  nodes: readonly RawNode[];
  edges: readonly RawEdge[];
  [other: string]: unknown;
}

/** An environment or a conversation variable. */
export interface FlowVariable {
  id?: string;
  name: string;
  value_type: string;
  value: unknown;
  description?: string;
  [other: string]: unknown;
}

export interface Config {
  graph: Graph;
  features?: Data;
  environment_variables?: FlowVariable[];
  conversation_variables?: FlowVariable[];
  [other: string]: unknown;
}

export const record = (value: unknown): Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Data) : {};
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const records = (value: unknown): Data[] => list(value).map(record);
export const text = (value: unknown, otherwise = ''): string => (typeof value === 'string' ? value : otherwise);
export const number = (value: unknown, otherwise: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
export const selectorOf = (value: unknown): string[] =>
  list(value).filter((part): part is string => typeof part === 'string');

/** Reads what the server keeps. A section that is whole is returned as it is. */
export function readConfig(raw: Data): Config {
  const graph = record(raw.graph);
  const nodes = Array.isArray(graph.nodes) ? graph.nodes.filter(isNode) : [];
  const edges = Array.isArray(graph.edges) ? graph.edges.filter(isEdge) : [];
  const whole =
    Array.isArray(graph.nodes) &&
    Array.isArray(graph.edges) &&
    nodes.length === graph.nodes.length &&
    edges.length === graph.edges.length;
  return (whole ? raw : { ...raw, graph: { ...graph, nodes, edges } }) as Config;
}

const isNode = (node: unknown): node is RawNode =>
  typeof record(node).id === 'string' && typeof record(node).data === 'object' && record(node).data !== null;
const isEdge = (edge: unknown): edge is RawEdge =>
  typeof record(edge).source === 'string' && typeof record(edge).target === 'string';

export const typeOf = (node: RawNode): string => text(node.data.type);
export const isNote = (node: RawNode): boolean => node.type === 'custom-note' || typeOf(node) === '';
export const titleOf = (node: RawNode): string => text(node.data.title) || typeOf(node);

/** The container around a node. Older files say it in the data only. */
export function parentOf(node: RawNode): string | undefined {
  if (node.parentId) return node.parentId;
  const { data } = node;
  const inside = (flag: unknown, id: unknown) => (flag === false ? undefined : text(id) || undefined);
  const parent = inside(data.isInIteration, data.iteration_id) ?? inside(data.isInLoop, data.loop_id);
  return parent === node.id ? undefined : parent;
}

export const isContainer = (type: string) => type === 'iteration' || type === 'loop';
export const isInnerStart = (type: string) => type === 'iteration-start' || type === 'loop-start';
export const isEntry = (type: string) => type === 'start' || type === 'datasource' || type.startsWith('trigger-');
export const findNode = (graph: Graph, id: string): RawNode | undefined => byId(graph.nodes).get(id);

const indexes = new WeakMap<readonly RawNode[], ReadonlyMap<string, RawNode>>();

/** The nodes by their ids; of two with one id the first. Made once for each list, which is never written to. */
function byId(nodes: readonly RawNode[]): ReadonlyMap<string, RawNode> {
  let index = indexes.get(nodes);
  if (!index) {
    index = new Map(nodes.map((node) => [node.id, node] as const).reverse());
    indexes.set(nodes, index);
  }
  return index;
}

export const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);
export const childrenOf = (graph: Graph, id: string): RawNode[] => graph.nodes.filter((node) => parentOf(node) === id);
