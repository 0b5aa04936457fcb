// Tools of others in a workflow: an OpenAPI document and an MCP server, added on the tools page, chosen in a node and called. Both
// are this file's own; the server under test must be allowed to reach them (`--allow-network 127.0.0.0/8`).
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { expect, test } from '@playwright/test';
import { baseUrl } from './base';
import { caller, edge, importFlow, node, pick, saved, watch } from './studio';

const TOKEN = 'granite';
let server: Server;
let address = '';

const document = () => ({
  openapi: '3.0.3',
  info: { title: 'Quarry', version: '1' },
  servers: [{ url: address }],
  paths: {
    '/stones/{kind}': {
      get: {
        operationId: 'find_stone',
        summary: 'Finds a stone',
        parameters: [
          { name: 'count', in: 'query', schema: { type: 'integer', default: 3 } },
          { name: 'kind', in: 'path', required: true, schema: { type: 'string' } },
        ],
        responses: { 200: { description: 'It' } },
      },
    },
  },
});

const WEIGH = {
  name: 'weigh',
  description: 'Weighs a stone.',
  inputSchema: { type: 'object', properties: { stone: { type: 'string' } }, required: ['stone'] },
};

/** MCP over streamable HTTP, without sessions. */
function mcp({ method, headers }: IncomingMessage, body: string): { status: number; answer?: object } {
  if (method !== 'POST') return { status: 405 };
  if (headers['x-token'] !== TOKEN) return { status: 401 };
  const { id, method: call, params } = JSON.parse(body);
  if (id === undefined) return { status: 202 };
  const results: Record<string, object> = {
    initialize: {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'scales', version: '1' },
    },
    'tools/list': { tools: [WEIGH] },
    'tools/call': { content: [{ type: 'text', text: `${params?.arguments?.stone} weighs 3 kg` }] },
  };
  return { status: 200, answer: { jsonrpc: '2.0', id, result: results[call] ?? {} } };
}

test.beforeAll(async () => {
  server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const { status, answer } =
      request.url === '/mcp'
        ? mcp(request, Buffer.concat(parts).toString())
        : { status: 200, answer: request.url === '/openapi.json' ? document() : { asked: request.url } };
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(answer ? JSON.stringify(answer) : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  if (typeof at === 'object' && at) address = `http://127.0.0.1:${at.port}`;
});
test.afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test('tools of an OpenAPI document and of an MCP server, added and called', async ({ page, request }) => {
  const errors = watch(page);
  const call = await caller(request);
  const mark = Date.now().toString(36);
  await page.goto(`${baseUrl()}/tools`);
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Add tools' }).click();
  await page.getByRole('menuitem', { name: /OpenAPI/ }).click();
  await dialog.getByRole('textbox', { name: 'Web address' }).fill(`${address}/openapi.json`);
  await dialog.getByRole('button', { name: 'Find tools' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill(`quarry ${mark}`);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { name: `quarry ${mark}` })).toBeVisible();

  await page.getByRole('button', { name: 'Add tools' }).click();
  await page.getByRole('menuitem', { name: /MCP/ }).click();
  await dialog.getByLabel('Name', { exact: true }).fill(`scales ${mark}`);
  await dialog.getByRole('textbox', { name: 'Address' }).fill(`${address}/mcp`);
  await dialog.getByRole('button', { name: 'Connect' }).click();
  await expect(dialog.getByText(/asks for authorization/)).toBeVisible();
  await dialog.getByRole('button', { name: 'Add header' }).click();
  await dialog.getByRole('textbox', { name: 'Header 1' }).fill('X-Token');
  await dialog.getByLabel(/value 1$/i).fill(TOKEN);
  await dialog.getByRole('button', { name: 'Connect' }).click();
  await expect(page.getByRole('heading', { name: `scales ${mark}` })).toBeVisible();

  const word = { variable: 'word', label: 'word', type: 'text-input', required: false, default: 'slate' };
  const app = await importFlow(request, {
    name: 'Panel: tools of others',
    nodes: [
      node('s', 0, 0, { type: 'start', title: 'Start', variables: [word] }),
      node('x', 1, 0, { type: 'tool', title: 'Find' }),
      node('y', 2, 0, { type: 'tool', title: 'Weigh' }),
      node('e', 3, 0, { type: 'end', title: 'End', outputs: [{ variable: 'kg', value_selector: ['y', 'text'] }] }),
    ],
    edges: ['s>x', 'x>y', 'y>e'].map(edge),
  });
  const choose = async (id: string, title: string, provider: string, argument: string) => {
    await page.goto(`${baseUrl()}/apps/${app}?node=${id}`);
    const panel = page.getByRole('region', { name: title, exact: true });
    await panel.getByRole('button', { name: 'Choose a tool' }).click();
    await page.getByRole('textbox', { name: 'Search tools' }).fill(provider);
    await page
      .getByRole('button', { name: /find|weigh/i })
      .last()
      .click();
    await panel.getByRole('radio', { name: 'Variable' }).first().click();
    await pick(page, panel.getByRole('button', { name: new RegExp(`^${argument}`) }), 'word');
    return panel;
  };
  // tried at once, before the draft is saved: what it reads is there all the same
  const find = await choose('x', 'Find', `quarry ${mark}`, 'kind');
  await find.getByRole('button', { name: 'Run this node alone' }).click();
  await expect(find.getByRole('textbox', { name: 's.word' })).toHaveValue('slate');
  await find.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(find.getByText('"asked": "/stones/slate?count=3"')).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/panel-openapi.png' });
  await choose('y', 'Weigh', `scales ${mark}`, 'stone');
  await saved(page);
  await page.getByRole('button', { name: 'Test run' }).click();
  const run = page.getByRole('region', { name: 'Test run' });
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(run.getByText('"kg": "slate weighs 3 kg"')).toBeVisible();
  const { data } = await call('GET', '/api/tools');
  for (const { provider_type: type, id, name } of data)
    if (name.endsWith(mark)) await call('DELETE', `/api/tools/${type === 'mcp' ? 'mcp' : 'openapi'}/${id}`);
  expect(errors).toEqual([]);
});
