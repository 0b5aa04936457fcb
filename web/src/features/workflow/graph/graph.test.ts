import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { arrange } from './arrange';
import { copyNodes, duplicateNodes, parseClip, pasteNodes } from './clipboard';
import {
  addNode,
  appendNode,
  canConnect,
  connect,
  insertNode,
  moveNodes,
  removeEdges,
  removeNodes,
  renameHandle,
  renameVariable,
  updateData,
} from './edit';
import { flowEdges, flowNodes } from './flow';
import { handlesOf } from './handles';
import { keptNote, noteText } from './note';
import { outputsOf } from './outputs';
import { mapReferences, referencesOf } from './references';
import { fits, keepSources, lookUp, nodesBefore, scopeOf, variableType } from './scope';
import {
  type Config,
  type Data,
  findNode,
  type Graph,
  parentOf,
  type RawNode,
  readConfig,
  record,
  records,
  typeOf,
} from './types';

const node = (id: string, data: Data, more: Partial<RawNode> = {}): RawNode => ({
  id,
  type: 'custom',
  data: { title: id, ...data },
  position: { x: 0, y: 0 },
  ...more,
});
const edge = (source: string, target: string, sourceHandle = 'source') => ({
  id: `${source}-${sourceHandle}-${target}-target`,
  source,
  sourceHandle,
  target,
  targetHandle: 'target',
});

const SMALL: Graph = {
  nodes: [
    node('s', {
      type: 'start',
      variables: [
        { variable: 'q', type: 'paragraph' },
        { variable: 'pic', type: 'file' },
      ],
    }),
    node(
      'm',
      { type: 'llm', prompt_template: [{ role: 'user', text: 'Say {{#s.q#}}' }] },
      { position: { x: 320, y: 0 } },
    ),
    node(
      'e',
      { type: 'end', outputs: [{ variable: 'a', value_selector: ['m', 'text'] }] },
      { position: { x: 640, y: 0 } },
    ),
  ],
  edges: [edge('s', 'm'), edge('m', 'e')],
  viewport: { x: 1, y: 2, zoom: 1 },
};

const LOOPED: Graph = {
  nodes: [
    node('s', { type: 'start', variables: [{ variable: 'rows', type: 'json_object' }] }),
    node('c', { type: 'code', outputs: { rows: { type: 'array[object]' } } }),
    node('i', {
      type: 'iteration',
      start_node_id: 'istart',
      iterator_selector: ['c', 'rows'],
      output_selector: ['t', 'output'],
    }),
    node('istart', { type: 'iteration-start' }, { parentId: 'i', type: 'custom-iteration-start' }),
    node(
      't',
      { type: 'template-transform', variables: [{ variable: 'x', value_selector: ['i', 'item'] }] },
      { parentId: 'i' },
    ),
    node('e', { type: 'end', outputs: [{ variable: 'o', value_selector: ['i', 'output'] }] }),
  ],
  edges: [edge('s', 'c'), edge('c', 'i'), edge('istart', 't'), edge('i', 'e')],
};

const config = (graph: Graph, more: Partial<Config> = {}): Config => ({ graph, ...more });
/** An entry of a list in a node's data. */
const entry = (one: RawNode | undefined, list: string): Data => records(one?.data[list])[0] ?? {};
const ids = (graph: Graph) => graph.nodes.map((one) => one.id);
const pairs = (graph: Graph) => graph.edges.map((one) => `${one.source}>${one.target}`);

describe('connecting', () => {
  it('joins two places of one level, once, and never back', () => {
    const ok = (source: string, target: string, sourceHandle = 'source', graph = SMALL) =>
      canConnect(graph, { source, sourceHandle, target });
    expect(ok('s', 'e')).toBe(true);
    expect(ok('s', 'm')).toBe(false);
    expect(ok('m', 's')).toBe(false);
    expect(ok('m', 'm')).toBe(false);
    expect(ok('e', 'm')).toBe(false);
    expect(ok('s', 'e', 'true')).toBe(false);
    expect(ok('c', 't', 'source', LOOPED)).toBe(false);
    expect(ok('t', 'istart', 'source', LOOPED)).toBe(false);
    const branch = connect(removeEdges(SMALL, new Set(['m-source-e-target'])), {
      source: 's',
      sourceHandle: 'source',
      target: 'e',
    });
    expect(canConnect(branch, { source: 'e', sourceHandle: 'source', target: 'm' })).toBe(false);
  });

  it('has a handle for every way out', () => {
    const of = (data: Data) => handlesOf(data).map((handle) => handle.id);
    expect(of({ type: 'llm' })).toEqual(['source']);
    expect(of({ type: 'code', error_strategy: 'fail-branch' })).toEqual(['source', 'fail-branch']);
    expect(of({ type: 'if-else', cases: [{ case_id: 'true' }, { case_id: 'x' }] })).toEqual(['true', 'x', 'false']);
    expect(of({ type: 'if-else', conditions: [] })).toEqual(['true', 'false']);
    expect(of({ type: 'question-classifier', classes: [{ id: '1' }, { id: '2' }] })).toEqual(['1', '2']);
    expect(of({ type: 'human-input', user_actions: [{ id: 'ok' }] })).toEqual(['ok', '__timeout__']);
    expect(of({ type: 'end' })).toEqual([]);
  });

  it('drops the edges of a handle that is gone, and takes those of a renamed one along', () => {
    const forked = connect(
      {
        ...SMALL,
        nodes: [...SMALL.nodes, node('f', { type: 'if-else', cases: [{ case_id: 'true' }, { case_id: 'b' }] })],
      },
      { source: 'f', sourceHandle: 'b', target: 'e' },
    );
    expect(pairs(forked)).toContain('f>e');
    const without = updateData(forked, 'f', (data) => ({ ...data, cases: [{ case_id: 'true' }] }));
    expect(pairs(without)).not.toContain('f>e');
    const renamed = renameHandle(forked, 'f', 'b', 'c');
    expect(renamed.edges.at(-1)).toMatchObject({ id: 'f-c-e-target', sourceHandle: 'c' });
  });
});

describe('adding and removing', () => {
  it('appends behind a handle', () => {
    const [next, id] = appendNode(SMALL, { source: 's', sourceHandle: 'source' }, { type: 'code', title: 'Code' });
    expect(pairs(next)).toContain(`s>${id}`);
    expect(findNode(next, id)?.position).toEqual({ x: 312, y: 120 });
  });

  it('puts a node into an edge and makes room', () => {
    const old = SMALL.edges[1];
    if (!old) throw new Error('no edge');
    const [next, id] = insertNode(SMALL, old, { type: 'code', title: 'Code' });
    expect(pairs(next)).toEqual(['s>m', `m>${id}`, `${id}>e`]);
    expect(findNode(next, 'e')?.position?.x).toBeGreaterThan(640);
    expect(findNode(next, 'm')).toBe(findNode(SMALL, 'm'));
  });

  it('leads on from the first branch of a node that has branches', () => {
    const old = SMALL.edges[1];
    if (!old) throw new Error('no edge');
    const [next, id] = insertNode(SMALL, old, { type: 'if-else', cases: [{ case_id: 'true' }] });
    expect(next.edges.find((one) => one.source === id)?.sourceHandle).toBe('true');
  });

  it('gives containers their start, and puts children inside with room', () => {
    const [withLoop, loop] = addNode(SMALL, { data: { type: 'loop', loop_variables: [] }, position: { x: 0, y: 0 } });
    expect(findNode(withLoop, `${loop}start`)).toMatchObject({ type: 'custom-loop-start', parentId: loop });
    expect(findNode(withLoop, loop)?.data.start_node_id).toBe(`${loop}start`);
    const [next, child] = appendNode(withLoop, { source: `${loop}start`, sourceHandle: 'source' }, { type: 'code' });
    expect(findNode(next, child)?.data).toMatchObject({ isInLoop: true, loop_id: loop });
    const [deep] = appendNode(next, { source: child, sourceHandle: 'source' }, { type: 'code' });
    expect(findNode(deep, loop)?.width).toBeGreaterThan(600);
    expect(deep.edges.at(-1)?.data).toMatchObject({ isInLoop: true, loop_id: loop });
  });

  it('takes what lies inside along, and never the start alone', () => {
    expect(ids(removeNodes(LOOPED, new Set(['i'])))).toEqual(['s', 'c', 'e']);
    expect(pairs(removeNodes(LOOPED, new Set(['i'])))).toEqual(['s>c']);
    expect(removeNodes(LOOPED, new Set(['istart']))).toBe(LOOPED);
  });

  it('touches nothing else', () => {
    const moved = moveNodes(SMALL, new Map([['m', { x: 1, y: 1 }]]));
    expect(moved.nodes[0]).toBe(SMALL.nodes[0]);
    expect(moved.viewport).toBe(SMALL.viewport);
    expect(moveNodes(SMALL, new Map([['m', { x: 320, y: 0 }]]))).toBe(SMALL);
    expect(updateData(SMALL, 'm', (data) => data)).toBe(SMALL);
  });
});

describe('copying', () => {
  it('gives new ids and lets references follow', () => {
    const clip = parseClip(JSON.stringify(copyNodes(SMALL, new Set(['s', 'm', 'e']))));
    if (!clip) throw new Error('no clip');
    const [next, top] = pasteNodes(SMALL, clip, { at: { x: 50, y: 900 } });
    expect(top).toHaveLength(2); // the graph has a start
    const [llm, end] = top.map((id) => findNode(next, id));
    expect(entry(llm, 'prompt_template').text).toBe('Say {{#s.q#}}');
    expect(entry(end, 'outputs').value_selector).toEqual([top[0], 'text']);
    expect(llm?.position).toEqual({ x: 50, y: 900 });
    const empty: Graph = { nodes: [], edges: [] };
    const [other, all] = pasteNodes(empty, clip, { at: { x: 0, y: 0 } });
    expect(all).toHaveLength(3);
    expect(entry(findNode(other, all[1] ?? ''), 'prompt_template').text).toBe(`Say {{#${all[0]}.q#}}`);
    expect(other.edges).toHaveLength(2);
  });

  it('takes containers whole', () => {
    const [next, [copy = '']] = duplicateNodes(LOOPED, new Set(['i']));
    expect(ids(next)).toHaveLength(9);
    expect(findNode(next, copy)?.data.start_node_id).toBe(`${copy}start`);
    const child = next.nodes.find((one) => parentOf(one) === copy && typeOf(one) === 'template-transform');
    expect(entry(child, 'variables').value_selector).toEqual([copy, 'item']);
    expect(child?.data).toMatchObject({ isInIteration: true, iteration_id: copy });
    expect(findNode(next, copy)?.data.output_selector).toEqual([child?.id, 'output']);
    expect(pairs(next)).toContain(`${copy}start>${child?.id}`);
  });

  it('moves into and out of containers', () => {
    const clip = copyNodes(LOOPED, new Set(['t']));
    const [out, [outside = '']] = pasteNodes(LOOPED, clip, { at: { x: 0, y: 0 } });
    expect(findNode(out, outside)?.data.isInIteration).toBeUndefined();
    const [inside, [child = '']] = pasteNodes(LOOPED, copyNodes(LOOPED, new Set(['c'])), {
      at: { x: 0, y: 0 },
      parent: 'i',
    });
    expect(findNode(inside, child)).toMatchObject({ parentId: 'i', data: { isInIteration: true, iteration_id: 'i' } });
  });

  it('refuses what is no clip', () => {
    for (const bad of ['', 'hello', '{}', '{"kind":"ashlar/workflow-nodes","nodes":[],"edges":[]}'])
      expect(parseClip(bad)).toBeNull();
  });
});

describe('references', () => {
  it('finds them where a kind has them, and nowhere else', () => {
    const of = (data: Data) => referencesOf(data).map((one) => `${one.field}: ${one.selector.join('.')}`);
    expect(
      of({
        type: 'llm',
        title: '{{#no.t#}}',
        vision: { enabled: false, configs: { variable_selector: ['sys', 'files'] } },
        prompt_template: [
          { role: 'user', text: '{{#a.b#}} {{#env.k#}}' },
          { edition_type: 'jinja2', text: '{{#no.x#}}' },
        ],
        context: { enabled: true, variable_selector: ['k', 'result'] },
      }),
    ).toEqual([
      'prompt_template[0].text: a.b',
      'prompt_template[0].text: env.k',
      'context.variable_selector: k.result',
    ]);
    expect(
      of({
        type: 'tool',
        tool_parameters: { a: { type: 'variable', value: ['s', 'q'] }, c: { type: 'constant', value: ['x', 'y'] } },
      }),
    ).toEqual(['tool_parameters.a.value: s.q']);
    expect(
      of({
        type: 'variable-aggregator',
        variables: [
          ['a', 'b'],
          ['c', 'd'],
        ],
      }),
    ).toEqual(['variables[0]: a.b', 'variables[1]: c.d']);
    expect(
      of({ type: 'code', code: '{{#no.x#}}', variables: [{ variable: 'v', value_selector: ['a', 'b'] }] }),
    ).toEqual(['variables[0].value_selector: a.b']);
  });

  it('changes what is asked for and keeps the rest as it is', () => {
    const data = { type: 'end', outputs: [{ variable: 'a', value_selector: ['m', 'text'] }], more: {} };
    expect(mapReferences(data, (selector) => selector)).toBe(data);
    const renamed = renameVariable(SMALL, 's', 'q', 'question');
    expect(entry(findNode(renamed, 'm'), 'prompt_template').text).toBe('Say {{#s.question#}}');
    expect(findNode(renamed, 'e')).toBe(findNode(SMALL, 'e'));
  });
});

describe('scope', () => {
  it('is what runs before, the containers around, and the flow’s own', () => {
    const of = (graph: Graph, id: string, isChat = false, inside = false) =>
      scopeOf(config(graph, { environment_variables: [{ name: 'KEY', value_type: 'secret', value: '' }] }), id, {
        isChat,
        inside,
      }).map((source) => `${source.id}: ${source.variables.map((one) => `${one.name} ${one.type}`).join(', ')}`);
    expect(of(SMALL, 'e').slice(0, 3)).toEqual([
      'm: text string, reasoning_content string, usage object, finish_reason string, files array[file]',
      's: q string, pic file',
      'env: KEY string',
    ]);
    expect(of(SMALL, 's')[0]).toBe('env: KEY string');
    expect(of(SMALL, 'm', true).at(-1)).toContain('query string');
    expect(of(LOOPED, 't')[0]).toBe('i: item object, index number');
    expect(of(LOOPED, 't')[1]).toBe('c: rows array[object]');
    expect(of(LOOPED, 'i', false, true)[0]).toBe('t: output string');
    expect([...nodesBefore(LOOPED, 't').keys()].sort()).toEqual(['c', 'istart', 's']);
  });

  it('stays the same list while nothing in it changed', () => {
    const of = (graph: Graph) => scopeOf(config(graph, { environment_variables: [] }), 'e', { isChat: false });
    const before = of(SMALL);
    expect(keepSources(before, of(updateData(SMALL, 'e', (data) => ({ ...data, title: 'Other' }))))).toBe(before);
    const renamed = keepSources(before, of(updateData(SMALL, 'm', (data) => ({ ...data, title: 'Other' }))));
    expect(renamed).not.toBe(before);
    expect(renamed.map((source, i) => source === before[i])).toEqual([false, true, true]);
  });

  it('knows types, also inside of values', () => {
    const it_ = config(SMALL);
    expect(variableType(it_, ['s', 'pic'], false)).toBe('file');
    expect(variableType(it_, ['s', 'pic', 'size'], false)).toBe('number');
    expect(variableType(it_, ['s', 'gone'], false)).toBeUndefined();
    expect(variableType(it_, ['sys', 'query'], false)).toBeUndefined();
    expect(variableType(it_, ['sys', 'query'], true)).toBe('string');
    const scope = scopeOf(it_, 'e', { isChat: false });
    expect(lookUp(scope, ['m', 'text'])?.type).toBe('string');
    expect(lookUp(scope, ['m', 'nothing'])).toBeNull();
    expect(fits('array[file]', ['array'])).toBe(true);
    expect(fits('string', ['number'])).toBe(false);
    const structured = outputsOf({
      type: 'llm',
      structured_output_enabled: true,
      structured_output: {
        schema: { type: 'object', properties: { tags: { type: 'array', items: { type: 'string' } } } },
      },
    });
    expect(structured.variables.at(-1)?.children).toEqual([{ name: 'tags', type: 'array[string]' }]);
  });
});

describe('drawing', () => {
  it('draws an untouched node from the same object', () => {
    const before = flowNodes(SMALL);
    const after = flowNodes(
      updateData(SMALL, 'm', (data) => ({ ...data, title: 'New' })),
      before,
    );
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    expect(flowEdges(SMALL, flowEdges(SMALL))[0]?.id).toBe('s-source-m-target');
  });

  it('keeps the list of edges while they are the same', () => {
    const edges = flowEdges(SMALL);
    expect(
      flowEdges(
        updateData(SMALL, 'm', (data) => ({ ...data, title: 'Other' })),
        edges,
      ),
    ).toBe(edges);
    expect(flowEdges({ ...SMALL, edges: SMALL.edges.slice(1) }, edges)).toHaveLength(edges.length - 1);
  });

  it('puts containers before what lies inside', () => {
    const turned = { ...LOOPED, nodes: [...LOOPED.nodes].reverse() };
    const order = flowNodes(turned).map((one) => one.id);
    expect(order.indexOf('i')).toBeLessThan(order.indexOf('t'));
  });

  it('shows both of two nodes in one place', () => {
    const at = { position: { x: 8, y: 8 } };
    const stacked: Graph = { ...SMALL, nodes: SMALL.nodes.map((one) => ({ ...one, ...at })) };
    const places = flowNodes(stacked).map((one) => one.position.y);
    expect(new Set(places).size).toBe(3);
    expect(places[0]).toBe(8);
    expect(flowNodes(stacked)[1]).toBe(flowNodes(stacked)[1]);
  });

  it('finds places for nodes that have none, in columns', () => {
    const bare = { ...LOOPED, nodes: LOOPED.nodes.map(({ position: _, ...rest }) => rest) };
    const at = new Map(flowNodes(bare).map((one) => [one.id, one]));
    expect(at.get('c')?.position.x).toBeGreaterThan(at.get('s')?.position.x ?? 0);
    expect(at.get('i')?.width).toBeGreaterThan(300);
  });

  it('arranges', () => {
    const tidy = arrange(LOOPED, new Map());
    const x = (id: string) => findNode(tidy, id)?.position?.x ?? 0;
    expect(x('s')).toBeLessThan(x('c'));
    expect(x('c')).toBeLessThan(x('i'));
    expect(findNode(tidy, 'istart')?.position).toEqual({ x: 24, y: 76 });
  });
});

it('keeps the text of notes', () => {
  expect(noteText(keptNote('one\n\ntwo'))).toBe('one\n\ntwo');
  expect(noteText('plain')).toBe('plain');
});

const FOLDERS = [process.env.DSL_SAMPLES ?? '', join(import.meta.dirname, '../../../../../tests/fixtures/workflows')];
const files = FOLDERS.filter((folder) => existsSync(folder)).flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yml'))
    .map((name) => join(folder, name)),
);

describe.each(files)('%s', (file) => {
  const section = record(record(parse(readFileSync(file, 'utf8'))).workflow);
  it.runIf(section.graph)('opens and closes as it was', () => {
    const before = JSON.stringify(section);
    const opened = readConfig(section);
    expect(opened).toBe(section);
    const nodes = flowNodes(opened.graph);
    expect(new Set(nodes.map((one) => one.id)).size).toBe(opened.graph.nodes.length);
    expect(flowEdges(opened.graph).length).toBeLessThanOrEqual(opened.graph.edges.length);
    for (const one of opened.graph.nodes) {
      handlesOf(one.data);
      expect(mapReferences(one.data, (selector) => selector)).toBe(one.data);
      scopeOf(opened, one.id, { isChat: true });
    }
    const [pasted] = pasteNodes(opened.graph, copyNodes(opened.graph, new Set(ids(opened.graph))), {
      at: { x: 0, y: 0 },
    });
    expect(new Set(ids(pasted)).size).toBe(pasted.nodes.length);
    expect(JSON.stringify(section)).toBe(before);
  });
});
