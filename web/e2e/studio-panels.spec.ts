// Each kind of node by its panel: filled in by hand, kept, run alone. What calls out reaches a server of this file's own; the
// server under test must be allowed to (`--allow-network 127.0.0.0/8`).
import { createServer, type Server } from 'node:http';
import { expect, type Locator, type Page, test } from '@playwright/test';
import { baseUrl } from './base';
import { block, caller, choose, edge, importFlow, node, pick, saved, watch } from './studio';

let server: Server;
let address = '';

test.beforeAll(async () => {
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      const { method, url, headers } = request;
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString() }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  if (typeof at === 'object' && at) address = `http://127.0.0.1:${at.port}`;
});
test.afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const MODEL = { provider: 'local', name: 'default', mode: 'chat', completion_params: { max_tokens: 24 } };
const FIELDS = [
  { variable: 'word', label: 'word', type: 'text-input', required: false, max_length: 48, default: 'stone' },
  { variable: 'count', label: 'count', type: 'number', required: false, default: '3' },
];

/** An app of a start, a node and an end; the node's panel is open. */
async function open(page: Page, app: string, title: string): Promise<Locator> {
  await page.goto(`${baseUrl()}/apps/${app}?node=x`);
  const panel = page.getByRole('region', { name: title, exact: true });
  await expect(panel).toBeVisible();
  return panel;
}

const around = (data: { type: string; title: string; [key: string]: unknown }) => ({
  nodes: [node('s', 0, 0, { type: 'start', title: 'Start', variables: FIELDS }), node('x', 1, 0, data)],
  edges: [edge('s>x')],
});

/** Text typed into an editor, in the place of what is there. */
async function write(page: Page, field: Locator, text: string) {
  await field.click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
}

/** The node run alone, with a value for the word that it reads. */
async function tried(panel: Locator, word?: string): Promise<void> {
  await panel.getByRole('button', { name: 'Run this node alone' }).click();
  if (word) await panel.getByRole('textbox', { name: 's.word' }).fill(word);
  await panel.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(panel.getByRole('heading', { name: 'Result' })).toBeVisible();
}

const dataOf = async (call: Awaited<ReturnType<typeof caller>>, app: string) => {
  const { draft } = await call('GET', `/api/apps/${app}`);
  return draft.graph.nodes.find((one: { id: string }) => one.id === 'x').data;
};

test('http request: method, address, headers, body, authorization, timeout', async ({ page, request }) => {
  const errors = watch(page);
  const call = await caller(request);
  const app = await importFlow(request, {
    name: 'Panel: HTTP',
    ...around({
      type: 'http-request',
      title: 'Call',
      method: 'get',
      url: '',
      headers: '',
      params: '',
      body: { type: 'none', data: [] },
      authorization: { type: 'no-auth', config: null },
    }),
  });
  const panel = await open(page, app, 'Call');
  await choose(page, panel.getByRole('combobox', { name: 'Method' }), 'POST');
  await write(page, panel.getByRole('textbox', { name: 'Address' }), `${address}/stones?word={{#s.word#}}`);
  await write(page, panel.getByRole('textbox', { name: 'Name' }).first(), 'page');
  await write(page, panel.getByRole('textbox', { name: 'Value' }).first(), '{{#s.count#}}');
  const headers = panel.getByRole('region', { name: 'Headers' });
  await write(page, headers.getByRole('textbox', { name: 'Name' }).first(), 'X-Kind');
  await write(page, headers.getByRole('textbox', { name: 'Value' }).first(), 'granite');
  await choose(page, panel.getByRole('combobox', { name: 'Body' }), 'json');
  await write(page, panel.getByRole('textbox', { name: 'JSON' }), '{"word": "{{#s.word#}}"}');
  await choose(page, panel.getByRole('combobox', { name: 'Authorization' }), 'Bearer token');
  await write(page, panel.getByRole('textbox', { name: 'Key' }), 'secret-token');
  await panel.getByRole('button', { name: 'Connection' }).click();
  await panel.getByRole('spinbutton', { name: 'Wait for the answer' }).fill('20');
  await page.keyboard.press('Tab');
  await saved(page);
  const data = await dataOf(call, app);
  expect(data).toMatchObject({
    method: 'post',
    url: `${address}/stones?word={{#s.word#}}`,
    params: 'page:{{#s.count#}}',
    headers: 'X-Kind:granite',
    body: { type: 'json', data: [{ type: 'text', value: '{"word": "{{#s.word#}}"}' }] },
    authorization: { type: 'api-key', config: { type: 'bearer', api_key: 'secret-token' } },
    timeout: { read: 20 },
  });
  await page.reload();
  await expect(panel.getByRole('combobox', { name: 'Method' })).toHaveText('POST');
  await expect(panel.getByRole('textbox', { name: 'JSON' })).toContainText('word');
  await page.screenshot({ path: 'screenshots/server/panel-http.png' });
  await panel.getByRole('button', { name: 'Run this node alone' }).click();
  await panel.getByRole('textbox', { name: /word/ }).fill('slate');
  await panel.getByRole('textbox', { name: /count/ }).fill('7');
  await panel.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(panel.getByRole('heading', { name: 'Result' })).toBeVisible();
  const result = panel.locator('code, pre').filter({ hasText: 'status_code' }).first();
  await expect(result).toContainText('200');
  for (const part of ['word=slate', 'page=7', 'granite', 'Bearer secret-token'])
    await expect(result).toContainText(part);
  await page.screenshot({ path: 'screenshots/server/panel-http-tried.png' });
  expect(errors).toEqual([]);
});

test('code in both languages', async ({ page, request }) => {
  const errors = watch(page);
  const app = await importFlow(request, {
    name: 'Panel: code',
    ...around({
      type: 'code',
      title: 'Count',
      code_language: 'python3',
      code: '',
      variables: [{ variable: 'word', value_selector: ['s', 'word'] }],
      outputs: { result: { type: 'number', children: null } },
    }),
  });
  const panel = await open(page, app, 'Count');
  const code = panel.getByRole('textbox', { name: 'main' });
  await write(page, code, 'def main(word):\n    return {"result": len(word)}');
  await tried(panel, 'stone');
  await expect(panel.getByText('"result": 5')).toBeVisible();
  await panel.getByRole('tab', { name: 'Settings' }).click();
  await panel.getByRole('radio', { name: 'JavaScript' }).click();
  await write(page, code, 'function main({ word }) {\n  return { result: word.length * 2 };\n}');
  await tried(panel, 'stone');
  await expect(panel.getByText('"result": 10')).toBeVisible();
  await saved(page);
  await page.reload();
  await expect(panel.getByRole('radio', { name: 'JavaScript' })).toBeChecked();
  await expect(code).toContainText('word.length * 2');
  expect(errors).toEqual([]);
});

test('a built-in tool and its parameters', async ({ page, request }) => {
  const errors = watch(page);
  const app = await importFlow(request, { name: 'Panel: tool', ...around({ type: 'tool', title: 'Clock' }) });
  const panel = await open(page, app, 'Clock');
  await panel.getByRole('button', { name: 'Choose a tool' }).click();
  await page.getByRole('textbox', { name: 'Search tools' }).fill('time');
  await page
    .getByRole('button', { name: /current time/i })
    .first()
    .click();
  await saved(page);
  await page.reload();
  await expect(panel.getByRole('button', { name: /current time/i })).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-tool.png' });
  await tried(panel);
  await expect(panel.getByText(/"text": ".*\d\d:\d\d/)).toBeVisible();
  expect(errors).toEqual([]);
});

test('an agent with a strategy, a model and a tool; its rounds in the trace', async ({ page, request }) => {
  const errors = watch(page);
  const flow = around({
    type: 'agent',
    title: 'Agent',
    agent_strategy_provider_name: 'langgenius/agent/agent',
    agent_strategy_name: 'function_calling',
    agent_parameters: {
      model: {
        type: 'constant',
        value: { provider: 'local', model: 'default', model_type: 'llm', mode: 'chat', completion_params: {} },
      },
    },
  });
  const end = node('e', 2, 0, {
    type: 'end',
    title: 'End',
    outputs: [{ variable: 'text', value_selector: ['x', 'text'] }],
  });
  const app = await importFlow(request, {
    name: 'Panel: agent',
    nodes: [...flow.nodes, end],
    edges: [...flow.edges, edge('x>e')],
  });
  const panel = await open(page, app, 'Agent');
  await panel.getByRole('radio', { name: 'ReAct' }).click();
  await write(page, panel.getByRole('textbox', { name: 'Instructions' }), 'You lay stones.');
  await write(page, panel.getByRole('textbox', { name: 'Question' }), 'What time is it? {{#s.word#}}');
  await panel.getByRole('region', { name: 'Tools' }).getByRole('button', { name: 'Add' }).click();
  await page.getByRole('textbox', { name: 'Search tools' }).fill('time');
  await page
    .getByRole('button', { name: /current time/i })
    .first()
    .click();
  await panel.getByRole('spinbutton', { name: 'Maximum rounds' }).fill('2');
  await page.keyboard.press('Tab');
  await saved(page);
  await page.reload();
  await expect(panel.getByRole('radio', { name: 'ReAct' })).toBeChecked();
  await expect(panel.getByRole('spinbutton', { name: 'Maximum rounds' })).toHaveValue('2');
  await page.screenshot({ path: 'screenshots/server/panel-agent.png' });
  await page.getByRole('button', { name: 'Test run' }).click();
  const run = page.getByRole('region', { name: 'Test run' });
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(block(page, 'End').getByLabel('Succeeded')).toBeVisible();
  await run.getByRole('tab', { name: 'Trace' }).click();
  await run
    .getByRole('button', { name: /^Agent/ })
    .first()
    .click();
  await expect(run.getByText(/round 1/i).first()).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-agent-trace.png' });
  expect(errors).toEqual([]);
});

test('if-else compares a variable that is picked', async ({ page, request }) => {
  const errors = watch(page);
  const call = await caller(request);
  const app = await importFlow(request, {
    name: 'Panel: logic',
    ...around({
      type: 'if-else',
      title: 'Which',
      cases: [{ case_id: 'true', logical_operator: 'and', conditions: [] }],
    }),
  });
  const panel = await open(page, app, 'Which');
  await panel.getByRole('button', { name: 'Add condition' }).first().click();
  await pick(page, panel.getByRole('button', { name: /^Variable:/ }), 'word');
  await write(page, panel.getByRole('textbox', { name: 'Value' }), 'stone');
  await saved(page);
  expect((await dataOf(call, app)).cases[0].conditions[0]).toMatchObject({
    variable_selector: ['s', 'word'],
    value: 'stone',
  });
  await tried(panel, 'stone');
  await expect(panel.getByText('"result": true')).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-if-else.png' });
  expect(errors).toEqual([]);
});

test('template', async ({ page, request }) => {
  const app = await importFlow(request, {
    name: 'Panel: template',
    ...around({
      type: 'template-transform',
      title: 'Text',
      template: '',
      variables: [{ variable: 'w', value_selector: ['s', 'word'] }],
    }),
  });
  const panel = await open(page, app, 'Text');
  await write(page, panel.getByRole('textbox', { name: 'Jinja' }), '{% for i in range(2) %}{{ w|upper }} {% endfor %}');
  await tried(panel, 'stone');
  await expect(panel.getByText('"output": "STONE STONE')).toBeVisible();
});

test('question classifier and parameter extractor with the model of the server', async ({ page, request }) => {
  const errors = watch(page);
  const call = await caller(request);
  const app = await importFlow(request, {
    name: 'Panel: classifier',
    ...around({
      type: 'question-classifier',
      title: 'Sort',
      model: MODEL,
      query_variable_selector: [],
      classes: [
        { id: '1', name: '' },
        { id: '2', name: '' },
      ],
    }),
  });
  const panel = await open(page, app, 'Sort');
  await pick(page, panel.getByRole('button', { name: /^What is classified/ }), 'word');
  await write(page, panel.getByRole('textbox', { name: 'Class 1' }), 'About stones');
  await write(page, panel.getByRole('textbox', { name: 'Class 2' }), 'About wood');
  await saved(page);
  expect((await dataOf(call, app)).classes.map((one: { name: string }) => one.name)).toEqual([
    'About stones',
    'About wood',
  ]);
  await expect(block(page, 'Sort').getByText('About wood')).toBeVisible();
  await tried(panel, 'granite');
  await expect(panel.getByText(/"class_name": "About/)).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-classifier.png' });

  const other = await importFlow(request, {
    name: 'Panel: extractor',
    ...around({
      type: 'parameter-extractor',
      title: 'Find',
      model: { ...MODEL, completion_params: { max_tokens: 200 } },
      query: [],
      parameters: [],
      reasoning_mode: 'prompt',
    }),
  });
  const finder = await open(page, other, 'Find');
  await pick(page, finder.getByRole('button', { name: /^Input text/ }), 'word');
  await finder.getByRole('region', { name: 'Parameters' }).getByRole('button', { name: 'Add' }).click();
  await saved(page);
  await tried(finder, 'granite');
  await expect(finder.getByText(/"__is_success"/)).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-extractor.png' });
  expect(errors).toEqual([]);
});

test('knowledge retrieval says that there is no knowledge', async ({ page, request }) => {
  const app = await importFlow(request, {
    name: 'Panel: knowledge',
    ...around({
      type: 'knowledge-retrieval',
      title: 'Look up',
      query_variable_selector: ['s', 'word'],
      dataset_ids: [],
    }),
  });
  const panel = await open(page, app, 'Look up');
  await expect(panel.getByText('No knowledge yet: nothing is found.')).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-knowledge.png' });
});

test('triggers: a schedule, a webhook, and a plugin of an imported file', async ({ page, request }) => {
  const errors = watch(page);
  const call = await caller(request);
  const trigger = (data: { type: string; title: string; [key: string]: unknown }) => ({
    nodes: [
      node('x', 0, 0, data),
      node('t', 1, 0, { type: 'template-transform', title: 'Text', template: 'done', variables: [] }),
    ],
    edges: [edge('x>t')],
  });
  const app = await importFlow(request, {
    name: 'Panel: schedule',
    ...trigger({
      type: 'trigger-schedule',
      title: 'Clock',
      mode: 'visual',
      frequency: 'daily',
      visual_config: { time: '9:00 AM' },
      timezone: 'UTC',
    }),
  });
  const panel = await open(page, app, 'Clock');
  await choose(page, panel.getByRole('combobox', { name: 'How often' }), 'Every week');
  await panel.getByRole('button', { name: 'Wed' }).click();
  await saved(page);
  expect((await dataOf(call, app)).frequency).toBe('weekly');
  await expect(panel.getByText(/once the app is published/)).toBeVisible();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Publish', exact: true }).click();
  await expect(panel.getByText(/^Next, by the live version: .*9:00/)).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-schedule.png' });

  const hook = await importFlow(request, {
    name: 'Panel: webhook',
    ...trigger({
      type: 'trigger-webhook',
      title: 'Hook',
      method: 'post',
      content_type: 'application/json',
      headers: [],
      params: [],
      body: [],
      status_code: 200,
      response_body: '',
    }),
  });
  const hooked = await open(page, hook, 'Hook');
  await hooked.getByRole('region', { name: 'Body' }).getByRole('button', { name: 'Add' }).click();
  await saved(page);
  await expect(hooked.getByText(/\/triggers?\/|\/webhook/).first()).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-webhook.png' });

  const plugin = await importFlow(request, {
    name: 'Panel: plugin',
    ...trigger({ type: 'trigger-plugin', title: 'Plugin', provider_id: 'a/b/c', event_name: 'pushed' }),
  });
  const plugged = await open(page, plugin, 'Plugin');
  await expect(plugged.getByText(/This server has no plugins/)).toBeVisible();
  expect(errors).toEqual([]);
});

test('iteration, list operator and aggregator, chosen by hand and run together', async ({ page, request }) => {
  const errors = watch(page);
  const inside = { isInIteration: true, iteration_id: 'i' };
  const app = await importFlow(request, {
    name: 'Panel: lists',
    nodes: [
      node('s', 0, 0, { type: 'start', title: 'Start', variables: [] }),
      node('c', 1, 0, {
        type: 'code',
        title: 'Rows',
        code_language: 'python3',
        code: 'def main():\n    return {"rows": ["a", "b", "c"]}',
        variables: [],
        outputs: { rows: { type: 'array[string]', children: null } },
      }),
      {
        ...node('i', 2, 0, {
          type: 'iteration',
          title: 'Each',
          start_node_id: 'is',
          iterator_selector: ['c', 'rows'],
          output_selector: [],
        }),
        width: 440,
        height: 200,
      },
      {
        id: 'is',
        type: 'custom-iteration-start',
        parentId: 'i',
        position: { x: 24, y: 76 },
        data: { type: 'iteration-start', title: '', ...inside },
      },
      {
        ...node('t', 0, 0, {
          type: 'template-transform',
          title: 'Mark',
          template: '{{ x }}!',
          variables: [{ variable: 'x', value_selector: ['i', 'item'] }],
          ...inside,
        }),
        parentId: 'i',
        position: { x: 140, y: 76 },
      },
      node('l', 4, 0, {
        type: 'list-operator',
        title: 'Some',
        variable: [],
        filter_by: { enabled: false, conditions: [] },
        extract_by: { enabled: false, serial: '1' },
        order_by: { enabled: false, key: '', value: 'asc' },
        limit: { enabled: false, size: 10 },
      }),
      node('g', 5, 0, { type: 'variable-aggregator', title: 'One', output_type: 'array[string]', variables: [] }),
      node('e', 6, 0, {
        type: 'end',
        title: 'End',
        outputs: [
          { variable: 'marked', value_selector: ['i', 'output'] },
          { variable: 'some', value_selector: ['g', 'output'] },
        ],
      }),
    ],
    edges: ['s>c', 'c>i', 'is>t', 'i>l', 'l>g', 'g>e'].map(edge),
  });
  const open = async (id: string, title: string) => {
    await page.goto(`${baseUrl()}/apps/${app}?node=${id}`);
    return page.getByRole('region', { name: title, exact: true });
  };
  const each = await open('i', 'Each');
  await pick(page, each.getByRole('button', { name: /^Gather/ }), 'output');
  await each.getByRole('switch', { name: /^Side by side/ }).click();
  await saved(page);
  await page.screenshot({ path: 'screenshots/server/panel-iteration.png' });
  const some = await open('l', 'Some');
  await pick(page, some.getByRole('button', { name: /^List/ }), 'rows');
  await some.getByRole('switch', { name: /^Cut off/ }).click();
  await some.getByRole('spinbutton', { name: 'Items at most' }).fill('2');
  await page.keyboard.press('Tab');
  await saved(page);
  const one = await open('g', 'One');
  await pick(page, one.getByRole('button', { name: /^Candidate 1/ }), 'result');
  await saved(page);
  await page.getByRole('button', { name: 'Test run' }).click();
  const run = page.getByRole('region', { name: 'Test run' });
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(block(page, 'End').getByLabel('Succeeded')).toBeVisible();
  await expect(run.locator('code').first()).toContainText('"c!"');
  const outputs = JSON.parse((await run.locator('code').first().textContent()) ?? '');
  expect(outputs).toEqual({ marked: ['a!', 'b!', 'c!'], some: ['a', 'b'] });
  await run.getByRole('tab', { name: 'Trace' }).click();
  await run.getByRole('button', { name: /^Each/ }).first().click();
  await expect(run.getByText('#3')).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-lists.png' });
  expect(errors).toEqual([]);
});

test('a document is read out of a file', async ({ page, request }) => {
  const errors = watch(page);
  const flow = around({ type: 'document-extractor', title: 'Read', variable_selector: [], is_array_file: false });
  const file = {
    variable: 'doc',
    label: 'doc',
    type: 'file',
    required: true,
    allowed_file_types: ['document'],
    allowed_file_upload_methods: ['local_file'],
  };
  const app = await importFlow(request, {
    name: 'Panel: document',
    nodes: [node('s', 0, 0, { type: 'start', title: 'Start', variables: [file] }), ...flow.nodes.slice(1)],
    edges: flow.edges,
  });
  const panel = await open(page, app, 'Read');
  await pick(page, panel.getByRole('button', { name: /^File/ }), 'doc');
  await saved(page);
  await panel.getByRole('button', { name: 'Run this node alone' }).click();
  await panel
    .locator('input[type=file]')
    .setInputFiles({ name: 'wall.txt', mimeType: 'text/plain', buffer: Buffer.from('Walls are made of stones.') });
  await expect(panel.getByText('wall.txt', { exact: true })).toBeVisible();
  await panel.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(panel.getByText('"text": "Walls are made of stones.')).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-document.png' });
  expect(errors).toEqual([]);
});

test('an assigner sets conversation variables; they are seen and changed among the last values', async ({
  page,
  request,
}) => {
  const errors = watch(page);
  const call = await caller(request);
  const variable = (name: string, value_type: string, value: unknown) => ({
    id: name,
    name,
    value_type,
    value,
    description: '',
    selector: ['conversation', name],
  });
  const app = await importFlow(request, {
    name: 'Panel: assigner',
    mode: 'advanced-chat',
    conversation_variables: [
      variable('names', 'array[string]', []),
      variable('count', 'number', 0),
      variable('profile', 'object', {}),
    ],
    nodes: [
      node('s', 0, 0, { type: 'start', title: 'Start', variables: [] }),
      node('x', 1, 0, { type: 'assigner', title: 'Remember', version: '2', items: [] }),
      node('a', 2, 0, { type: 'answer', title: 'Answer', answer: 'count {{#conversation.count#}}' }),
    ],
    edges: ['s>x', 'x>a'].map(edge),
  });
  const panel = await open(page, app, 'Remember');
  // the checklist above is a list too, and comes when it is ready
  const assignments = panel.getByRole('region', { name: 'Assignments' });
  const item = (i: number) => assignments.getByRole('listitem').nth(i);
  for (const [i, name] of ['names', 'count', 'profile'].entries()) {
    await panel.getByRole('button', { name: 'Add', exact: true }).click();
    await pick(page, item(i).getByRole('button', { name: /^Variable/ }), name);
  }
  await choose(page, item(0).getByRole('combobox'), 'append');
  await pick(page, item(0).getByRole('button', { name: /^Value/ }), 'query');
  await choose(page, item(1).getByRole('combobox'), '+=');
  await write(page, item(1).getByRole('textbox'), '2');
  await choose(page, item(2).getByRole('combobox'), 'set to');
  await write(page, item(2).getByRole('textbox'), '[]');
  await expect(item(2).getByText('This is no value of type object.')).toBeVisible();
  await write(page, item(2).getByRole('textbox'), '{"a": 1}');
  await saved(page);
  expect((await dataOf(call, app)).items.map((one: { value: unknown }) => one.value)).toEqual([
    ['sys', 'query'],
    2,
    '{"a": 1}',
  ]);
  await page.goto(`${baseUrl()}/apps/${app}?panel=run`);
  await page.getByRole('textbox', { name: 'Ask something' }).fill('Ada');
  await page.keyboard.press('Enter');
  await expect(page.getByText('count 2')).toBeVisible();
  await page.goto(`${baseUrl()}/apps/${app}?panel=values`);
  const values = page.getByRole('region', { name: 'Last values' });
  await expect(values.getByText('["Ada"]')).toBeVisible();
  await expect(values.getByText('sys.query')).toHaveCount(0);
  await values.getByRole('button', { name: 'Edit: names' }).click();
  const dialog = page.getByRole('dialog', { name: 'Conversation · names' });
  await write(page, dialog.getByRole('textbox'), '["Alan"]');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(values.getByText('["Alan"]')).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-values.png' });
  await values.getByRole('button', { name: 'Take the change back: names' }).click();
  await expect(values.getByText('["Ada"]')).toBeVisible();
  expect(errors).toEqual([]);
});

test('a loop with variables that an assigner changes until a condition holds', async ({ page, request }) => {
  const errors = watch(page);
  const inside = { isInLoop: true, loop_id: 'x' };
  const app = await importFlow(request, {
    name: 'Panel: loop',
    nodes: [
      node('s', 0, 0, { type: 'start', title: 'Start', variables: FIELDS }),
      {
        ...node('x', 1, 0, { type: 'loop', title: 'Again', start_node_id: 'b', loop_count: 10, break_conditions: [] }),
        width: 440,
        height: 200,
      },
      {
        id: 'b',
        type: 'custom-loop-start',
        parentId: 'x',
        position: { x: 24, y: 76 },
        data: { type: 'loop-start', title: '', ...inside },
      },
      {
        ...node('k', 0, 0, { type: 'assigner', title: 'Keep', version: '2', items: [], ...inside }),
        parentId: 'x',
        position: { x: 140, y: 76 },
      },
      node('e', 3, 0, { type: 'end', title: 'End', outputs: [{ variable: 'n', value_selector: ['x', 'steps'] }] }),
    ],
    edges: ['s>x', 'b>k', 'x>e'].map(edge),
  });
  const panel = await open(page, app, 'Again');
  const variables = panel.getByRole('region', { name: 'Loop variables' });
  await variables.getByRole('button', { name: 'Add', exact: true }).click();
  await variables.getByRole('textbox', { name: 'Name' }).fill('steps');
  await choose(page, variables.getByRole('combobox', { name: 'Type' }), /^number$/);
  await expect(variables.getByRole('textbox', { name: 'First value' })).toHaveValue('0');
  await variables.getByRole('textbox', { name: 'First value' }).fill('none');
  await expect(variables.getByText('This is no value of type number.')).toBeVisible();
  await variables.getByRole('textbox', { name: 'First value' }).fill('1');
  await panel.getByRole('button', { name: 'Add condition' }).click();
  await pick(page, panel.getByRole('button', { name: /^Variable:/ }), 'steps');
  await choose(page, panel.getByRole('combobox', { name: 'Comparison' }), /^≥/);
  await write(page, panel.getByRole('textbox', { name: 'Value', exact: true }), '7');
  await panel.getByRole('spinbutton', { name: 'Maximum rounds' }).fill('5');
  await page.keyboard.press('Tab');
  await saved(page);
  await page.screenshot({ path: 'screenshots/server/panel-loop.png' });
  await page.goto(`${baseUrl()}/apps/${app}?node=k`);
  const keep = page.getByRole('region', { name: 'Keep', exact: true });
  await keep.getByRole('button', { name: 'Add', exact: true }).click();
  await pick(page, keep.getByRole('button', { name: /^Variable/ }), 'steps');
  await choose(page, keep.getByRole('combobox'), '+=');
  await write(page, keep.getByRole('textbox', { name: 'Value' }), '2');
  await saved(page);
  await page.getByRole('button', { name: 'Test run' }).click();
  const run = page.getByRole('region', { name: 'Test run' });
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(run.getByText('"n": 7')).toBeVisible();
  expect(errors).toEqual([]);
});

test('a form for a person: its fields, its time, and an answer when it is tried alone', async ({ page, request }) => {
  const errors = watch(page);
  const call = await caller(request);
  const app = await importFlow(request, {
    name: 'Panel: form',
    ...around({
      type: 'human-input',
      title: 'Ask',
      form_content: 'Is {{#s.word#}} right?',
      inputs: [],
      user_actions: [{ id: 'approve', title: 'Approve', button_style: 'primary' }],
      delivery_methods: [],
      timeout: 3,
      timeout_unit: 'day',
    }),
  });
  const panel = await open(page, app, 'Ask');
  const inputs = panel.getByRole('region', { name: 'Inputs' });
  const dialog = page.getByRole('dialog');
  await inputs.getByRole('button', { name: 'Add', exact: true }).click();
  await choose(page, dialog.getByRole('combobox', { name: 'Type' }), /^Select$/);
  await dialog.getByRole('textbox', { name: 'Variable name' }).fill('finish');
  await expect(dialog.getByRole('button', { name: 'Add' })).toBeDisabled();
  await dialog.getByRole('textbox', { name: 'Options' }).fill('rough\nhoned\n');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await inputs.getByRole('button', { name: 'Add', exact: true }).click();
  await choose(page, dialog.getByRole('combobox', { name: 'Type' }), /^Files$/);
  await dialog.getByRole('textbox', { name: 'Variable name' }).fill('plans');
  await dialog.getByRole('spinbutton', { name: 'Files at most' }).fill('2');
  await dialog.getByRole('button', { name: 'Add' }).click();
  await expect(panel.getByText(/^Nobody gets the form/)).toBeVisible();
  await panel.getByRole('switch', { name: /^Web page/ }).click();
  await expect(panel.getByText(/^Nobody gets the form/)).toBeHidden();
  await panel.getByRole('radio', { name: 'Hours' }).click();
  await panel.getByRole('spinbutton', { name: 'Open for' }).fill('100');
  await panel.getByRole('radio', { name: 'Days' }).click();
  await expect(panel.getByRole('spinbutton', { name: 'Open for' })).toHaveValue('7');
  await saved(page);
  expect(await dataOf(call, app)).toMatchObject({
    inputs: [
      { type: 'select', output_variable_name: 'finish', option_source: { value: ['rough', 'honed'] } },
      { type: 'file-list', output_variable_name: 'plans', number_limits: 2 },
    ],
    timeout: 7,
    timeout_unit: 'day',
  });
  await page.screenshot({ path: 'screenshots/server/panel-form.png' });
  await panel.getByRole('button', { name: 'Run this node alone' }).click();
  await expect(panel.getByRole('textbox', { name: 's.word' })).toHaveValue('stone');
  await panel.getByRole('button', { name: 'Run', exact: true }).click();
  await choose(page, panel.getByRole('combobox', { name: 'finish' }), 'honed');
  await panel
    .locator('input[type=file]')
    .setInputFiles({ name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.from('A wall.') });
  await panel.getByRole('button', { name: 'Approve' }).click();
  await expect(panel.getByText('"finish": "honed"')).toBeVisible();
  await expect(panel.getByText('"filename": "plan.txt"')).toBeVisible();
  expect(errors).toEqual([]);
});
