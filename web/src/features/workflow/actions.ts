// What keys, menus and buttons do to the draft: one place, so that they all do the same.
import type { TFunction } from 'i18next';
import { toast } from 'sonner';
import { copyNodes, duplicateNodes, parseClip, pasteNodes } from './graph/clipboard';
import { addNode, appendNode, idOfEdge, insertNode, removeEdges, removeNodes } from './graph/edit';
import { handlesOf } from './graph/handles';
import { keptNote } from './graph/note';
import { type Data, findNode, type Graph, isContainer, parentOf, type RawNode, typeOf, type XY } from './graph/types';
import type { KindName } from './nodes/kind';
import { kindNamed } from './nodes/kinds';
import { toolData } from './nodes/tool';
import type { ToolInfo } from './queries';
import type { StudioStore } from './store';
import type { Target } from './ui';

/** What can be added where: a start is there once, ends belong to workflows, answers to chatflows. */
export function canAdd(name: KindName, graph: Graph, { isChat, target }: { isChat: boolean; target: Target }): boolean {
  const container = containerAt(graph, target);
  const inside = container !== undefined;
  const isEntryPlace = target.kind === 'free' && !inside;
  const has = (type: string) => graph.nodes.some((node) => typeOf(node) === type);
  const triggered = graph.nodes.some((node) => typeOf(node).startsWith('trigger-'));
  switch (name) {
    case 'start':
      return isEntryPlace && !has('start') && !triggered;
    case 'trigger-webhook':
    case 'trigger-schedule':
      return isEntryPlace && !isChat && !has('start');
    case 'trigger-plugin':
      return false;
    case 'answer':
      return isChat;
    case 'end':
      return !isChat && !inside;
    case 'loop-end':
      return container !== undefined && typeOf(container) === 'loop' && target.kind !== 'edge';
    default:
      return true;
  }
}

function containerAt(graph: Graph, target: Target): RawNode | undefined {
  if (target.kind === 'free') return target.parent ? findNode(graph, target.parent) : undefined;
  const edge = target.kind === 'edge' ? graph.edges.find((one) => idOfEdge(one) === target.id) : undefined;
  const from = findNode(graph, target.kind === 'handle' ? target.source : (edge?.source ?? ''));
  const parent = from && parentOf(from);
  return parent ? findNode(graph, parent) : undefined;
}

export interface Adding {
  name: KindName;
  tool?: ToolInfo;
}

/** Adds a node of a kind; gives its id. */
export function add(store: StudioStore, t: TFunction, { name, tool }: Adding, target: Target): string {
  const kind = kindNamed(name);
  const { config } = store.getState();
  const title = freeTitle(config.graph, tool ? tool.label || tool.name : t(`studio.kinds.${name}.title`));
  const data: Data = { type: name, title, desc: '', ...kind.defaults(), ...(tool ? toolData(tool) : {}) };
  let id = '';
  store.getState().editGraph((graph) => {
    const [next, made] = put(graph, withGuess(graph, data, target), target);
    id = made;
    return next;
  });
  if (id) store.getState().select(new Set([id]));
  return id;
}

function put(graph: Graph, data: Data, target: Target): [Graph, string] {
  if (target.kind === 'free') return addNode(graph, { data, position: target.at, parent: target.parent });
  if (target.kind === 'handle') return appendNode(graph, target, data);
  const edge = graph.edges.find((one) => idOfEdge(one) === target.id);
  return edge ? insertNode(graph, edge, data) : [graph, ''];
}

/** What a new node most probably reads: the text that the node before it gives. */
function withGuess(graph: Graph, data: Data, target: Target): Data {
  const edge = target.kind === 'edge' ? graph.edges.find((one) => idOfEdge(one) === target.id) : undefined;
  const source = target.kind === 'handle' ? target.source : edge?.source;
  const before = source === undefined ? undefined : findNode(graph, source);
  if (!before) return data;
  const said: Record<string, string> = {
    llm: 'text',
    agent: 'text',
    'template-transform': 'output',
    tool: 'text',
    'document-extractor': 'text',
  };
  const name = said[typeOf(before)];
  if (!name) return data;
  const selector = [before.id, name];
  if (data.type === 'answer') return { ...data, answer: `{{#${selector.join('.')}#}}` };
  if (data.type === 'end')
    return { ...data, outputs: [{ variable: name, value_selector: selector, value_type: 'string' }] };
  return data;
}

/** `LLM`, `LLM 2`, … */
function freeTitle(graph: Graph, base: string): string {
  const taken = new Set(graph.nodes.map((node) => node.data.title));
  let title = base;
  for (let n = 2; taken.has(title); n += 1) title = `${base} ${n}`;
  return title;
}

export function addNote(store: StudioStore, at: XY, author: string): string {
  let id = '';
  store.getState().editGraph((graph) => {
    const [next, made] = addNode(graph, {
      position: at,
      data: {
        type: '',
        title: '',
        desc: '',
        text: keptNote(''),
        theme: 'yellow',
        author,
        showAuthor: false,
        width: 240,
        height: 96,
      },
    });
    id = made;
    return next;
  });
  return id;
}

export const selectedIds = (store: StudioStore): Set<string> =>
  new Set(
    store
      .getState()
      .nodes.filter((node) => node.selected)
      .map((node) => node.id),
  );

/** Removes what is selected; undo brings it back, so nothing is asked. */
export function removeSelected(store: StudioStore): void {
  const { nodes, edges, editGraph } = store.getState();
  const ids = new Set(nodes.filter((node) => node.selected).map((node) => node.id));
  const joints = new Set(edges.filter((edge) => edge.selected).map((edge) => edge.id));
  editGraph((graph) => removeEdges(removeNodes(graph, ids), joints));
}

export function duplicate(store: StudioStore, ids: ReadonlySet<string>): void {
  let made: string[] = [];
  store.getState().editGraph((graph) => {
    const [next, top] = duplicateNodes(graph, ids);
    made = top;
    return next;
  });
  if (made.length > 0) store.getState().select(new Set(made));
}

/** What was copied last, for browsers and places without a clipboard. */
let lastCopy = '';

export function copySelected(store: StudioStore, t: TFunction): void {
  const clip = copyNodes(store.getState().config.graph, selectedIds(store));
  if (clip.nodes.length === 0) return;
  lastCopy = JSON.stringify(clip);
  void navigator.clipboard?.writeText(lastCopy).catch(() => undefined);
  toast(t('studio.canvas.copied', { count: clip.nodes.length }));
}

export async function paste(store: StudioStore, t: TFunction, at: XY): Promise<void> {
  const kept = await navigator.clipboard?.readText().catch(() => '');
  const clip = parseClip(kept ?? '') ?? parseClip(lastCopy);
  if (!clip) {
    toast(t('studio.canvas.nothingToPaste'));
    return;
  }
  let made: string[] = [];
  store.getState().editGraph((graph) => {
    const [next, top] = pasteNodes(graph, clip, { at, parent: onlyContainer(graph, store) });
    made = top;
    return next;
  });
  store.getState().select(new Set(made));
}

/** A container that is all that is selected takes what is pasted. */
function onlyContainer(graph: Graph, store: StudioStore): string | undefined {
  const [id, ...more] = selectedIds(store);
  const node = id && more.length === 0 ? findNode(graph, id) : undefined;
  return node && isContainer(typeOf(node)) ? node.id : undefined;
}

/** Where a node that is added by keyboard goes: behind the chosen one, or else into free room. */
export function targetBehind(store: StudioStore, at: XY): Target {
  const [id] = selectedIds(store);
  const node = id === undefined ? undefined : findNode(store.getState().config.graph, id);
  const handle = node && handlesOf(node.data)[0];
  return node && handle ? { kind: 'handle', source: node.id, sourceHandle: handle.id } : { kind: 'free', at };
}
