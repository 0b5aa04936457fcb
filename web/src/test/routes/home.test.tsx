import { screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import { GPU, makeHome, PULLS } from '../home-fixtures';
import { put, renderAt } from '../render';

const sent = (world: { seen: { line: string; body: unknown }[] }, line: string) =>
  world.seen.filter((request) => request.line === line).at(-1)?.body;

/** Waits for text that is in pieces, as code is. */
const shown = (text: string) => waitFor(() => expect(document.body.textContent).toContain(text));

it('filters by tag, in the address, and changes the tags of an app', async () => {
  const { user, world, router } = renderAt('/apps');
  await user.click(await screen.findByRole('button', { name: 'Tags' }));
  await user.click(await screen.findByRole('button', { name: /^visitors\s*1$/ }));
  await waitFor(() => expect(screen.queryByRole('link', { name: 'Support triage' })).toBeNull());
  expect(router.state.location.search).toEqual({ tag: 'visitors' });
  await user.click(screen.getByRole('button', { name: 'More actions: Museum companion' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Tags' }));
  const dialog = await screen.findByRole('dialog');
  put(within(dialog).getByRole('textbox', { name: 'New tag' }), 'art');
  await user.click(within(dialog).getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(world.apps[0]?.tags).toEqual(['visitors', 'art']));
});

it('makes an app of a template, in the language of the console', async () => {
  const { user, world, router } = renderAt('/templates?category=vision');
  await screen.findByText('Receipt reader');
  expect(screen.queryByText('Translator')).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Use template: Picture companion' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/apps/from-picture-chat'));
  expect(sent(world, 'POST /api/templates/picture-chat/apps')).toMatchObject({ name: 'Picture companion' });
});

it('leads newcomers through the tour', async () => {
  const { user, router } = renderAt('/apps');
  await user.click(await screen.findByRole('button', { name: 'Take the tour' }));
  const dialog = await screen.findByRole('dialog', { name: 'Start from a template' });
  await user.click(within(dialog).getByRole('button', { name: 'Next' }));
  await screen.findByRole('dialog', { name: 'Ask it about a picture' });
  expect(router.state.location.search).toEqual({ tour: 2 });
  await user.click(screen.getByRole('button', { name: 'Close' }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
  expect(localStorage.getItem('ashlar.tour')).toBe('seen');
});

it('shows what an import misses, and lets another model run', async () => {
  const { user, server } = renderAt('/apps');
  const { http, HttpResponse } = await import('msw');
  const places = [{ node_id: 'n1', title: 'Answer', field: 'model' }];
  const model = { provider: 'openai', name: 'gpt-4o', kind: 'llm', message: 'no provider', places };
  const nothing = { models: [], tools: [], knowledge: [], plugins: [] };
  const app = { id: 'imported', name: 'Imported', tags: [] };
  let mapped: unknown;
  server.use(
    http.post('*/api/apps/import', () =>
      HttpResponse.json({
        status: 'completed_with_warnings',
        app,
        import_id: null,
        warnings: [
          "Model 'gpt-4o' of provider 'openai' is not set up here.",
          "The app was made with the plugin 'langgenius/x'.",
          'Another remark.',
        ],
        mapped: [],
        missing: { ...nothing, models: [model], plugins: ['langgenius/x'] },
      }),
    ),
    http.post('*/api/apps/imported/draft/map-models', async ({ request }) => {
      mapped = await request.json();
      const { mappings } = mapped as { mappings: object[] };
      return HttpResponse.json({ app, mapped: [{ ...mappings[0], places: 1 }], missing: nothing });
    }),
  );
  await user.click(await screen.findByRole('button', { name: 'Import a file' }));
  await user.click(screen.getByRole('radio', { name: 'Paste' }));
  put(screen.getByRole('textbox', { name: 'Paste' }), 'app: {}');
  await user.click(screen.getByRole('button', { name: 'Import' }));
  await screen.findByText('openai/gpt-4o');
  expect(screen.getByText('langgenius/x')).toBeTruthy();
  // what is listed is not told twice
  screen.getByText('Another remark.');
  expect(screen.queryByText(/is not set up here|was made with the plugin/)).toBeNull();
  await user.click(screen.getByRole('combobox', { name: 'Use instead of gpt-4o' }));
  await user.click(await screen.findByRole('option', { name: /ashlar-tiny/ }));
  await screen.findByText('Models that were replaced');
  expect(mapped).toEqual({
    mappings: [{ from: { provider: 'openai', name: 'gpt-4o' }, to: { provider: 'local', name: 'ashlar-tiny' } }],
    remember: true,
  });
});

it('downloads a model after saying whether it fits, and stops', async () => {
  const { user, world } = renderAt('/models', {});
  world.home.pulls = PULLS;
  await user.click(await screen.findByRole('button', { name: 'Download' }));
  const dialog = await screen.findByRole('dialog');
  put(within(dialog).getByLabelText('Model'), 'Qwen/Qwen3-VL-8B-Instruct');
  await user.click(within(dialog).getByRole('button', { name: 'Will it fit?' }));
  await within(dialog).findByText(/^It fits: /);
  await user.click(within(dialog).getByRole('button', { name: 'Download' }));
  await screen.findByText('Qwen/Qwen3-VL-8B-Instruct');
  expect(sent(world, 'POST /api/model-pulls')).toEqual({ model: 'Qwen/Qwen3-VL-8B-Instruct' });
  expect(screen.getByText(/is gated/)).toBeTruthy();
  await user.click(screen.getByRole('button', { name: 'Stop: Qwen/Qwen3-VL-2B-Instruct' }));
  await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Stop' }));
  await waitFor(() => expect(screen.queryByText('Qwen/Qwen3-VL-2B-Instruct')).toBeNull());
});

it('chooses default models and deletes one', async () => {
  const { user, world, router } = renderAt('/models/defaults');
  await user.click(await screen.findByRole('combobox', { name: 'Embedding' }));
  await user.click(await screen.findByRole('option', { name: /minilm-l6/ }));
  await waitFor(() =>
    expect(world.home.defaults).toEqual({
      llm: { provider: 'vllm', name: 'qwen3-vl-8b' },
      'text-embedding': { provider: 'local', name: 'minilm-l6' },
    }),
  );
  await router.navigate({ to: '/models' });
  await user.click(await screen.findByRole('button', { name: 'More actions: mamba-1.4b' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Delete from disk' }));
  await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Delete' }));
  await waitFor(() => expect(world.models.some((model) => model.name === 'mamba-1.4b')).toBe(false));
});

it('asks several models the same question', async () => {
  const { user, world, router } = renderAt('/playground');
  await waitFor(() =>
    expect((screen.getByRole('button', { name: 'Add model' }) as HTMLButtonElement).disabled).toBe(false),
  );
  await user.click(screen.getByRole('button', { name: 'Add model' }));
  expect(router.state.location.search).toEqual({ models: ['local/default', 'local/smollm2-135m-instruct-q8_0'] });
  await user.type(screen.getByRole('textbox', { name: /^Ask something/ }), 'What is it?{Enter}');
  await screen.findByText('A red circle.');
  await screen.findByText(/takes no pictures/);
  const bodies = world.seen.filter((request) => request.line === 'POST /api/playground/chat/completions');
  expect(bodies.map((request) => (request.body as { model: string }).model)).toEqual([
    'local/default',
    'local/smollm2-135m-instruct-q8_0',
  ]);
  expect(bodies[0]?.body).toMatchObject({ messages: [{ role: 'user', content: 'What is it?' }], stream: true });
});

it('shows the memory of the GPU that models are on', async () => {
  const home = makeHome();
  renderAt('/engine', { home: { ...home, engine: { ...home.engine, device: 'cuda', gpu: GPU } } });
  await screen.findByText('NVIDIA H200');
  screen.getByRole('img', { name: '51.3 GB of 140 GB of GPU memory in use' });
  screen.getByRole('heading', { name: 'CPU' });
});

it('shows the engine at work', async () => {
  renderAt('/engine');
  await screen.findByRole('heading', { name: 'ashlar-tiny' });
  await screen.findByText('Live, once a second');
  expect(screen.getByText('61%')).toBeTruthy();
});

it('tries a tool, and says what is wrong with what was typed', async () => {
  const { user, world } = renderAt('/tools');
  await user.click(await screen.findByRole('button', { name: 'Maths' }));
  const drawer = await screen.findByRole('dialog');
  await user.click(within(drawer).getByRole('button', { name: 'Try it' }));
  await within(drawer).findByText('Expression is needed.');
  put(within(drawer).getByLabelText('Expression'), '6*7');
  await user.click(within(drawer).getByRole('button', { name: 'Try it' }));
  await shown('is 42');
  expect(sent(world, 'POST /api/tools/call')).toMatchObject({
    provider_type: 'builtin',
    tool_name: 'eval_expression',
    arguments: { expression: '6*7' },
  });
});

it('imports an OpenAPI document and connects an MCP server', async () => {
  const { user, world } = renderAt('/tools?type=api');
  await user.click(await screen.findByRole('button', { name: 'Add tools' }));
  await user.click(await screen.findByRole('menuitem', { name: 'From an OpenAPI document' }));
  let dialog = await screen.findByRole('dialog');
  put(within(dialog).getByRole('textbox', { name: 'Web address' }), 'https://pets.example.com/openapi.json');
  await user.click(within(dialog).getByRole('button', { name: 'Find tools' }));
  await within(dialog).findByText('2 tools found');
  await user.click(within(dialog).getByRole('button', { name: 'Save' }));
  await screen.findByRole('button', { name: 'Pet store' });
  expect(sent(world, 'POST /api/tools/openapi')).toMatchObject({
    name: 'Pet store',
    document_url: 'https://pets.example.com/openapi.json',
    auth: { type: 'none' },
  });
  await user.click(screen.getByRole('button', { name: 'Add tools' }));
  await user.click(await screen.findByRole('menuitem', { name: 'From an MCP server' }));
  dialog = await screen.findByRole('dialog');
  put(within(dialog).getByLabelText(/^Name/), 'search');
  put(within(dialog).getByLabelText(/^Address/), 'https://refused.example.com/mcp');
  await user.click(within(dialog).getByRole('button', { name: 'Connect' }));
  await within(dialog).findByText('url: the server does not answer.');
});

it('edits an agent and shows what it did', async () => {
  const { user, world } = renderAt('/apps/helper');
  await screen.findByText('Evaluate an expression');
  await user.click(screen.getByRole('button', { name: 'Remove: Current time' }));
  await user.click(screen.getByRole('button', { name: 'Add tool' }));
  await user.click(await screen.findByRole('button', { name: /Read a web page/ }));
  await waitFor(
    () => {
      const draft = world.apps.find((app) => app.id === 'helper')?.draft as { agent_mode: { tools: object[] } };
      expect(draft.agent_mode.tools).toMatchObject([{ tool_name: 'eval_expression' }, { tool_name: 'webscraper' }]);
    },
    { timeout: 5000 },
  );
  await user.keyboard('{Escape}');
  const composer = screen.getAllByRole('textbox').at(-1) as HTMLElement;
  await user.type(composer, 'What is 17 * 23?{Enter}');
  await screen.findByText('I should compute this exactly.');
  await user.click(await screen.findByRole('button', { name: /Evaluate an expression.*called/ }));
  await shown('is 391');
});

it('compares variants and takes one over', async () => {
  const { user, world } = renderAt('/apps/museum?compare=true');
  await user.click(
    (await screen.findAllByRole('button', { name: 'Try another prompt in this column' }))[1] as HTMLElement,
  );
  put(await screen.findByRole('textbox', { name: 'Instructions' }), 'Answer in one word.');
  await user.keyboard('{Escape}');
  await user.type(screen.getByRole('textbox', { name: 'Ask something…' }), 'Colour?{Enter}');
  await waitFor(() => expect(screen.getAllByText('one red circle')).toHaveLength(2));
  const asked = world.seen.filter((request) => request.line === 'POST /api/apps/museum/preview');
  expect(asked.map((request) => (request.body as { config: { pre_prompt: string } }).config.pre_prompt)).toContain(
    'Answer in one word.',
  );
  await user.click(screen.getAllByRole('button', { name: 'Use this model and prompt in the app' })[1] as HTMLElement);
  await waitFor(() =>
    expect(sent(world, 'PUT /api/apps/museum/draft')).toMatchObject({ config: { pre_prompt: 'Answer in one word.' } }),
  );
});

it('makes a workspace key and reads the audit log', async () => {
  const { user, router } = renderAt('/settings/keys');
  await user.click(await screen.findByRole('button', { name: 'Create key' }));
  await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Create' }));
  expect((await screen.findByTestId('new-key')).textContent).toBe('sk-Ab3dEfGh1jKlMn0pQrStUvWx');
  await user.click(screen.getByRole('button', { name: 'Done' }));
  await router.navigate({ to: '/settings/audit' });
  await user.click(await screen.findByRole('button', { name: /published an app/ }));
  await screen.findByText('192.0.2.7');
});
