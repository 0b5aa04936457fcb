// A run as the canvas shows it: live, stopped, failed, caught. What calls out reaches a server of this file's own; the server
// under test must be allowed to (`--allow-network 127.0.0.0/8`).
import { createServer, type Server } from 'node:http';
import { expect, type Page, test } from '@playwright/test';
import { baseUrl } from './base';
import { accessible, block, edge, importFlow, node, watch } from './studio';

let server: Server;
let address = '';
/** Lets the calls that wait go on. */
let release = () => {};
let calls = 0;

test.beforeAll(async () => {
  server = createServer(async (request, response) => {
    calls += 1;
    if (request.url === '/slow') await new Promise<void>((resolve) => (release = resolve));
    if (request.url === '/fails') response.statusCode = 503;
    if (request.url === '/second' && calls < 2) response.statusCode = 500;
    else if (request.url === '/second') await new Promise<void>((resolve) => (release = resolve));
    response.end(`answer of ${request.url}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  if (typeof at === 'object' && at) address = `http://127.0.0.1:${at.port}`;
});
test.beforeEach(() => {
  calls = 0;
});
test.afterAll(() => {
  release();
  server.closeAllConnections();
  server.close();
});

const start = (variables: object[] = []) => node('Start', 0, 0, { type: 'start', variables });
const get = (id: string, column: number, row: number, path: string, more: object = {}) =>
  node(id, column, row, {
    type: 'http-request',
    method: 'get',
    url: `${address}${path}`,
    authorization: { type: 'no-auth', config: null },
    headers: '',
    params: '',
    body: { type: 'none', data: [] },
    timeout: {},
    ...more,
  });
const end = (column: number, row: number, outputs: [string, string[]][], id = 'End') =>
  node(id, column, row, {
    type: 'end',
    outputs: outputs.map(([variable, value_selector]) => ({ variable, value_selector })),
  });
const llm = (column: number, row: number, max_tokens: number) =>
  node('Model', column, row, {
    type: 'llm',
    model: { provider: 'local', name: 'default', mode: 'chat', completion_params: { max_tokens, temperature: 1 } },
    prompt_template: [{ role: 'user', text: 'Write a long story about stones.' }],
    context: { enabled: false, variable_selector: [] },
    vision: { enabled: false },
    // many short rows: it can't stop early
    structured_output_enabled: true,
    structured_output: {
      schema: {
        type: 'object',
        properties: { rows: { type: 'array', minItems: 400, items: { type: 'string', minLength: 8, maxLength: 12 } } },
        required: ['rows'],
      },
    },
  });

async function open(page: Page, app: string) {
  await page.goto(`${baseUrl()}/apps/${app}?panel=run`);
  const run = page.getByRole('region', { name: 'Test run' });
  await expect(run).toBeVisible();
  return run;
}

const stands = (page: Page, title: string, status: string) =>
  expect(block(page, title).getByLabel(status, { exact: true })).toBeVisible();

test('nodes show that they work and that they are done, with the way that was taken', async ({ page, request }) => {
  const errors = watch(page);
  const branch = node('Which', 2, 0, {
    type: 'if-else',
    cases: [
      {
        case_id: 'true',
        logical_operator: 'and',
        conditions: [
          {
            id: '1',
            variable_selector: ['Slow', 'body'],
            comparison_operator: 'contains',
            value: 'answer',
            varType: 'string',
          },
        ],
      },
    ],
  });
  const app = await importFlow(request, {
    name: 'Live',
    nodes: [
      start(),
      get('Slow', 1, 0, '/slow'),
      branch,
      end(3, 0, [['body', ['Slow', 'body']]]),
      end(3, 1, [['body', ['Slow', 'headers']]], 'Other end'),
    ],
    edges: ['Start>Slow', 'Slow>Which', 'Which.true>End', 'Which.false>Other end'].map(edge),
  });
  const run = await open(page, app);
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await stands(page, 'Start', 'Succeeded');
  await stands(page, 'Slow', 'Running');
  await expect(run.getByText('Running', { exact: true })).toBeVisible();
  await expect(run.getByRole('button', { name: 'Stop' })).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/studio-live.png' });
  release();
  await stands(page, 'Slow', 'Succeeded');
  await stands(page, 'End', 'Succeeded');
  await expect(block(page, 'Other end').getByLabel('Succeeded')).toHaveCount(0);
  await expect(page.locator('.edge-taken')).toHaveCount(3);
  await expect(block(page, 'Slow').getByText(/^[\d.]+ m?s$/)).toBeVisible();
  await expect(run.getByText('answer of /slow').first()).toBeVisible();
  await run.getByRole('tab', { name: 'Trace' }).click();
  for (const title of ['Start', 'Slow', 'Which', 'End'])
    await expect(run.getByRole('button', { name: new RegExp(`${title}.*\\d m?s`) })).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/studio-trace.png' });
  await accessible(page);

  // the way of a run of the past, drawn when the history is asked for it
  await page.reload();
  await page.getByRole('button', { name: 'Run history' }).click();
  const history = page.getByRole('region', { name: 'Run history' });
  await history
    .getByRole('button', { name: /Succeeded/ })
    .first()
    .click();
  await stands(page, 'Slow', 'Succeeded');
  await expect(page.locator('.edge-taken')).toHaveCount(3);
  await expect(block(page, 'Slow').getByText(/^[\d.]+ m?s$/)).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/studio-history.png' });
  expect(errors).toEqual([]);
});

test('text of the end streams into the panel, and a run stops in the middle', async ({ page, request }) => {
  const errors = watch(page);
  const app = await importFlow(request, {
    name: 'Streams',
    nodes: [start(), llm(1, 0, 4000), end(2, 0, [['text', ['Model', 'text']]])],
    edges: ['Start>Model', 'Model>End'].map(edge),
  });
  const run = await open(page, app);
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  const said = run.locator('[aria-live=polite]');
  await expect(said).toBeVisible();
  await stands(page, 'Model', 'Running');
  const first = ((await said.textContent()) ?? '').length;
  await expect.poll(async () => ((await said.textContent()) ?? '').length).toBeGreaterThan(first);
  await page.screenshot({ path: 'screenshots/server/studio-streaming.png' });
  await run.getByRole('button', { name: 'Stop' }).click();
  await expect(run.getByText('Stopped', { exact: true }).first()).toBeVisible();
  await stands(page, 'Model', 'Stopped');
  await expect(run.getByRole('button', { name: 'Run', exact: true })).toBeVisible();
  const kept = (await said.textContent()) ?? '';
  await page.waitForTimeout(500);
  await expect(said).toHaveText(kept);
  await page.screenshot({ path: 'screenshots/server/studio-stopped.png' });
  expect(errors).toEqual([]);
});

test('a node that waits is stopped too', async ({ page, request }) => {
  const app = await importFlow(request, {
    name: 'Stops',
    nodes: [start(), get('Slow', 1, 0, '/slow'), end(2, 0, [['body', ['Slow', 'body']]])],
    edges: ['Start>Slow', 'Slow>End'].map(edge),
  });
  const run = await open(page, app);
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await stands(page, 'Slow', 'Running');
  await run.getByRole('button', { name: 'Stop' }).click();
  await stands(page, 'Slow', 'Stopped');
  await expect(run.getByText('Stopped', { exact: true }).first()).toBeVisible();
  await expect(run.getByRole('alert')).toHaveCount(0);
  release();
});

test('a failure stands on its node and says what to do', async ({ page, request }) => {
  const errors = watch(page);
  const app = await importFlow(request, {
    name: 'Fails',
    nodes: [
      start(),
      node('Sum', 1, 0, {
        type: 'code',
        code_language: 'python3',
        code: 'def main():\n    return {"other": 1}\n',
        variables: [],
        outputs: { result: { type: 'number', children: null } },
      }),
      end(2, 0, [['sum', ['Sum', 'result']]]),
    ],
    edges: ['Start>Sum', 'Sum>End'].map(edge),
  });
  const run = await open(page, app);
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await stands(page, 'Sum', 'Failed');
  await expect(run.getByText('Failed', { exact: true }).first()).toBeVisible();
  await expect(run.getByText(/Output result is missing/).first()).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/studio-failed.png' });
  await accessible(page);
  // from there to the node, mended, and again
  await block(page, 'Sum').click();
  await page.getByRole('region', { name: 'Test run' }).getByRole('button', { name: 'Close' }).click();
  const panel = page.getByRole('region', { name: 'Sum' });
  await panel.getByRole('textbox', { name: 'main' }).click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText('def main():\n    return {"result": 41 + 1}\n');
  await page.getByRole('button', { name: 'Test run' }).click();
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(run.getByText('Succeeded', { exact: true }).first()).toBeVisible();
  await expect(run.getByText('42').first()).toBeVisible();
  expect(errors).toEqual([]);
});

test('what fails is tried again, caught by a branch, or replaced by defaults', async ({ page, request }) => {
  const errors = watch(page);
  const app = await importFlow(request, {
    name: 'Catches',
    nodes: [
      start(),
      get('Again', 1, 0, '/second', { retry_config: { retry_enabled: true, max_retries: 3, retry_interval: 100 } }),
      get('Caught', 2, 0, '/fails', { error_strategy: 'fail-branch' }),
      get('Replaced', 3, 0, '/fails', {
        error_strategy: 'default-value',
        default_value: [
          { key: 'body', type: 'string', value: 'instead' },
          { key: 'status_code', type: 'number', value: '200' },
        ],
      }),
      end(4, 0, [
        ['body', ['Replaced', 'body']],
        ['why', ['Caught', 'error_message']],
      ]),
      end(3, 1, [['body', ['Caught', 'body']]], 'Never'),
    ],
    edges: ['Start>Again', 'Again>Caught', 'Caught.fail-branch>Replaced', 'Caught>Never', 'Replaced>End'].map(edge),
  });
  const run = await open(page, app);
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await stands(page, 'Again', 'Trying again');
  release();
  await stands(page, 'Again', 'Succeeded');
  await stands(page, 'Caught', 'Failed, caught');
  await stands(page, 'Replaced', 'Failed, caught');
  await expect(run.getByText('Partly succeeded').first()).toBeVisible();
  await expect(run.getByText('instead').first()).toBeVisible();
  await expect(run.getByText(/503/).first()).toBeVisible();
  await expect(block(page, 'Never').getByLabel('Succeeded')).toHaveCount(0);
  await expect(page.locator('.edge-taken')).toHaveCount(4);
  await run.getByRole('tab', { name: 'Trace' }).click();
  await run.getByRole('button', { name: /Again/ }).first().click();
  await expect(run.getByText(/Try 1 failed after/)).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/studio-caught.png' });
  await accessible(page);
  expect(errors).toEqual([]);
});
