// Which variables a node may read, with their types.
import { innerOutputsOf, itemType, outputsOf, typeName, type Variable } from './outputs';
import {
  type Config,
  childrenOf,
  findNode,
  type Graph,
  isContainer,
  isEntry,
  isNote,
  parentOf,
  type RawNode,
  records,
  type Selector,
  sameItems,
  selectorOf,
  text,
  titleOf,
  typeOf,
} from './types';

/** The variables of one node, or of one of the flow's own sources. */
export interface Source {
  /** A node's id, or `sys`, `env`, `conversation`. */
  id: string;
  title: string;
  /** The node's, or the source's own name. */
  type: string;
  variables: Variable[];
  isOpen: boolean;
}

const SYSTEM: Variable[] = [
  { name: 'user_id', type: 'string' },
  { name: 'files', type: 'array[file]' },
  { name: 'app_id', type: 'string' },
  { name: 'workflow_id', type: 'string' },
  { name: 'workflow_run_id', type: 'string' },
  { name: 'timestamp', type: 'number' },
];
const OF_CHATS: Variable[] = [
  { name: 'query', type: 'string' },
  { name: 'conversation_id', type: 'string' },
  { name: 'dialogue_count', type: 'number' },
];

export function systemVariables(isChat: boolean): Variable[] {
  return isChat ? [...OF_CHATS, ...SYSTEM] : SYSTEM;
}

/** The nodes that have run when a node starts, with the steps that lie between: those before it, and before each container around it. */
export function nodesBefore(graph: Graph, nodeId: string): Map<string, number> {
  const before = new Map<string, string[]>();
  for (const edge of graph.edges) {
    const sources = before.get(edge.target);
    if (sources) sources.push(edge.source);
    else before.set(edge.target, [edge.source]);
  }
  const around = containersOf(graph, nodeId);
  const steps = new Map<string, number>([nodeId, ...around].map((id) => [id, 0]));
  const open = [...steps.keys()];
  for (let id = open.shift(); id !== undefined; id = open.shift()) {
    for (const source of before.get(id) ?? []) {
      if (steps.has(source)) continue;
      steps.set(source, (steps.get(id) ?? 0) + 1);
      open.push(source);
    }
  }
  for (const id of [nodeId, ...around]) steps.delete(id);
  return steps;
}

/** Ids of the nodes that may run after a node, inside the same container. */
export function nodesAfter(graph: Graph, nodeId: string): Set<string> {
  const found = new Set<string>();
  const open = [nodeId];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const edge of graph.edges) {
      if (edge.source === id && !found.has(edge.target)) {
        found.add(edge.target);
        open.push(edge.target);
      }
    }
  }
  return found;
}

/** Ids of the containers around a node, the innermost first. */
function containersOf(graph: Graph, nodeId: string): string[] {
  const found: string[] = [];
  let node = findNode(graph, nodeId);
  while (node) {
    const parent = parentOf(node);
    if (!parent || found.includes(parent)) break;
    found.push(parent);
    node = findNode(graph, parent);
  }
  return found;
}

interface ScopeOptions {
  isChat: boolean;
  /** Of containers: what lies inside of them, for their output and their conditions. */
  inside?: boolean;
}

/** What a node may read: the flow's own variables last. */
export function scopeOf(config: Config, nodeId: string, { isChat, inside = false }: ScopeOptions): Source[] {
  const { graph } = config;
  const sources: Source[] = [];
  const add = (source: Source) => {
    if (source.variables.length > 0 || source.isOpen) sources.push(source);
  };
  const own = findNode(graph, nodeId);
  if (inside && own) {
    if (typeOf(own) === 'loop') add(named(own, innerOutputsOf(own.data, 'any')));
    for (const child of childrenOf(graph, nodeId)) add(sourceOf(child));
  }
  for (const id of containersOf(graph, nodeId)) {
    const container = findNode(graph, id);
    if (container) add(named(container, innerOutputsOf(container.data, iterated(config, container, isChat))));
  }
  // what stands nearest comes first
  for (const id of nodesBefore(graph, nodeId).keys()) {
    const node = findNode(graph, id);
    if (node && !isNote(node)) add(sourceOf(node));
  }
  return [...sources, ...flowSources(config, isChat)];
}

const named = (node: RawNode, variables: Variable[], isOpen = false): Source => ({
  id: node.id,
  title: titleOf(node),
  type: typeOf(node),
  variables,
  isOpen,
});

const given = new WeakMap<RawNode, Source>();

/** What a node gives to those behind it: worked out once for each state of the node. */
function sourceOf(node: RawNode): Source {
  let source = given.get(node);
  if (!source) {
    const { variables, isOpen } = outputsOf(node.data);
    source = named(node, variables, isOpen);
    given.set(node, source);
  }
  return source;
}

/** The sources, or those of before where they say the same: who reads them then has nothing to do. */
export function keepSources(before: Source[], next: Source[]): Source[] {
  const kept = next.map((source, i) => {
    const old = before[i];
    return old && (old === source || JSON.stringify(old) === JSON.stringify(source)) ? old : source;
  });
  return sameItems(kept, before) ? before : kept;
}

function flowSources(config: Config, isChat: boolean): Source[] {
  const own = (id: string, variables: Variable[]): Source[] =>
    variables.length > 0 ? [{ id, title: id, type: id, variables, isOpen: false }] : [];
  const declared = (value: unknown) =>
    records(value).map((one) => ({ name: text(one.name), type: typeName(one.value_type) }));
  return [
    ...own('conversation', declared(config.conversation_variables)),
    ...own('env', declared(config.environment_variables)),
    ...own('sys', systemVariables(isChat)),
  ];
}

/** What an iteration's items are. */
function iterated(config: Config, container: RawNode, isChat: boolean): string {
  if (typeOf(container) !== 'iteration') return 'any';
  const type = variableType(config, selectorOf(container.data.iterator_selector), isChat);
  return type ? itemType(type) : 'any';
}

/** The type of a variable wherever it is read; undefined where it certainly does not exist. */
export function variableType(config: Config, selector: Selector, isChat: boolean): string | undefined {
  const [id = '', name = '', ...path] = selector;
  const flow = flowSources(config, isChat).find((source) => source.id === id);
  let variables: Variable[];
  let isOpen = false;
  if (flow) variables = flow.variables;
  else {
    const node = findNode(config.graph, id);
    if (!node) return undefined;
    const given = outputsOf(node.data);
    variables = given.variables;
    isOpen = given.isOpen;
    if (isContainer(typeOf(node))) variables = [...variables, ...innerOutputsOf(node.data, 'any')];
    if (isEntry(typeOf(node)) && name === 'sys') return 'any';
  }
  const found = variables.find((variable) => variable.name === name);
  if (!found) return isOpen ? 'any' : undefined;
  return path.length === 0 ? found.type : inner(found, path);
}

function inner(variable: Variable, path: string[]): string | undefined {
  let here: Variable | undefined = variable;
  for (const name of path) {
    if (!here?.children) return 'any';
    here = here.children.find((child) => child.name === name);
  }
  return here?.type;
}

/** A variable of a scope. Null where it certainly can't be read there. */
export function lookUp(sources: Source[], selector: Selector): { source: Source; type: string } | null {
  const [id = '', name = '', ...path] = selector;
  const source = sources.find((one) => one.id === id);
  if (!source) return null;
  const found = source.variables.find((variable) => variable.name === name);
  if (!found) return source.isOpen ? { source, type: 'any' } : null;
  const type = path.length === 0 ? found.type : inner(found, path);
  return type === undefined ? null : { source, type };
}

/** Whether a variable of that type may stand where one of these is wanted; no wish: any. */
export function fits(type: string, wanted: readonly string[] | undefined): boolean {
  if (!wanted || type === 'any') return true;
  return wanted.some(
    (one) =>
      one === type || (one === 'array' && type.startsWith('array')) || (type === 'array' && one.startsWith('array')),
  );
}
