// Made-up templates, tools, downloads and an engine at work, and handlers over them.
import { HttpResponse, http } from 'msw';
import type { components } from '@/lib/api/schema';
import type {
  AuditEntry,
  EngineStatus,
  McpServer,
  ModelPlan,
  Pull,
  Template,
  ToolInfo,
  ToolProvider,
  WorkflowTool,
} from '@/lib/api/types';

type Schemas = components['schemas'];
type App = Schemas['App'];

const NOW = Date.now();
const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();
const GIB = 2 ** 30;

export const GPU = { name: 'NVIDIA H200', memory_total_bytes: 140 * GIB, memory_used_bytes: 51.3 * GIB };

export const ENGINE: EngineStatus = {
  at: new Date(NOW).toISOString(),
  device: 'cpu',
  cpu: 'AMD EPYC 9354 32-Core Processor',
  n_cpus: 16,
  memory_total_bytes: 64 * GIB,
  memory_available_bytes: 41 * GIB,
  process_bytes: 6.4 * GIB,
  max_step_tokens: 8192,
  max_running: 256,
  models: [
    {
      name: 'ashlar-tiny',
      kind: 'llm',
      memory_bytes: 0.62 * GIB,
      llm: {
        kv_bytes: 0.5 * GIB,
        kv_tokens: 65_536,
        kv_used_tokens: 18_400,
        kv_reusable_tokens: 39_200,
        encoder_bytes: 61_000_000,
        n_queued: 1,
        n_running: 9,
        n_finished: 1284,
        n_cancelled: 12,
        n_failed: 0,
        n_preempted: 3,
        n_steps: 48_210,
        n_step_tokens: 902_114,
        n_prompt_tokens: 1_204_000,
        n_cached_tokens: 739_000,
        n_completion_tokens: 188_402,
        n_picture_hits: 341,
        n_picture_misses: 207,
        mean_queue_s: 0.0042,
        mean_first_token_s: 0.184,
        mean_decode_step_s: 0.0113,
      },
    },
    { name: 'minilm-l6', kind: 'text-embedding', memory_bytes: 94_371_840, llm: null },
  ],
};

/** The engine a moment later, as if it had gone on working. */
function later(status: EngineStatus, look: number): EngineStatus {
  const wave = 1 + Math.sin(look / 4) * 0.6 + Math.sin(look / 1.7) * 0.25;
  return {
    ...status,
    at: new Date(NOW + look * 1000).toISOString(),
    models: status.models.map((model) => {
      if (!model.llm) return model;
      const grown = (n: number, each: number) => n + Math.round(each * look * 1.1);
      return {
        ...model,
        llm: {
          ...model.llm,
          n_running: Math.max(0, Math.round(9 * wave)),
          n_queued: wave > 1.5 ? 3 : 0,
          n_steps: grown(model.llm.n_steps, 70),
          n_completion_tokens: Math.round(model.llm.n_completion_tokens + 420 * (look - 2.4 * Math.cos(look / 4))),
          n_step_tokens: Math.round(model.llm.n_step_tokens + 1010 * (look - 2.2 * Math.cos(look / 4))),
        },
      };
    }),
  };
}

const parameter = (name: string, label: string, patch: Partial<Schemas['Parameter']> = {}): Schemas['Parameter'] => ({
  name,
  label,
  description: '',
  required: true,
  form: 'llm',
  schema: { type: 'string' } as unknown as Schemas['Parameter']['schema'],
  ...patch,
});

const tool = (
  provider: Pick<ToolInfo, 'provider_type' | 'provider_id' | 'provider_name'>,
  name: string,
  label: string,
  description: string,
  parameters: Schemas['Parameter'][],
): ToolInfo => ({
  ...provider,
  name,
  label,
  description,
  parameters,
  output_variables: [],
});

const builtin = (id: string) => ({ provider_type: 'builtin' as const, provider_id: id, provider_name: id });

const PROVIDERS: ToolProvider[] = [
  {
    ...builtin('maths'),
    id: 'maths',
    name: 'maths',
    label: 'Maths',
    description: 'Computes mathematical expressions.',
    tools: [
      tool(builtin('maths'), 'eval_expression', 'Evaluate an expression', 'Works out an expression exactly.', [
        parameter('expression', 'Expression', { description: 'Such as 2 * (3 + 4)' }),
      ]),
    ],
  },
  {
    ...builtin('time'),
    id: 'time',
    name: 'time',
    label: 'Time',
    description: 'The current time, time zones, timestamps, weekdays.',
    tools: [
      tool(builtin('time'), 'current_time', 'Current time', 'What time it is.', [
        parameter('timezone', 'Time zone', {
          required: false,
          form: 'form',
          schema: { type: 'string', enum: ['UTC', 'Europe/Berlin', 'Asia/Shanghai'], default: 'UTC' } as never,
        }),
      ]),
      tool(builtin('time'), 'weekday', 'Weekday', 'Which day of the week a date is.', [
        parameter('year', 'Year', { schema: { type: 'integer' } as never }),
        parameter('month', 'Month', { schema: { type: 'integer' } as never }),
        parameter('day', 'Day', { schema: { type: 'integer' } as never }),
      ]),
    ],
  },
  {
    ...builtin('webscraper'),
    id: 'webscraper',
    name: 'webscraper',
    label: 'Web page',
    description: 'Reads web pages.',
    tools: [
      tool(builtin('webscraper'), 'webscraper', 'Read a web page', 'The text of the page behind a link.', [
        parameter('url', 'Address'),
      ]),
    ],
  },
  {
    provider_type: 'api',
    id: 'op-1',
    name: 'Weather',
    label: 'Weather',
    description: 'Forecasts of the national weather service, by place and hour.',
    tools: [
      tool(
        { provider_type: 'api', provider_id: 'op-1', provider_name: 'Weather' },
        'getForecast',
        'getForecast',
        'The forecast of a place.',
        [
          parameter('place', 'place'),
          parameter('hours', 'hours', { required: false, schema: { type: 'integer', default: 12 } as never }),
        ],
      ),
    ],
  },
  {
    provider_type: 'mcp',
    id: 'mcp-1',
    name: 'github',
    label: 'github',
    description: 'Issues and pull requests of our repositories.',
    tools: [
      tool(
        { provider_type: 'mcp', provider_id: 'mcp-1', provider_name: 'github' },
        'search_issues',
        'search_issues',
        'Finds issues by words and labels.',
        [
          parameter('query', 'query'),
          parameter('filter', 'filter', { required: false, schema: { type: 'object' } as never }),
        ],
      ),
    ],
  },
];

const SERVER: McpServer = {
  id: 'mcp-1',
  name: 'github',
  description: 'Issues and pull requests of our repositories.',
  url: 'https://mcp.example.com/mcp',
  header_names: ['Authorization'],
  timeout_ms: 60_000,
  tools: PROVIDERS[4]?.tools ?? [],
  tools_refreshed_at: ago(180),
  created_at: ago(9000),
  updated_at: ago(9000),
};

const WORKFLOW_TOOL: WorkflowTool = {
  id: 'wt-1',
  app_id: 'pipeline',
  app_name: 'Invoice pipeline',
  name: 'invoice_pipeline',
  label: 'Invoice pipeline',
  description: 'Reads an invoice',
  parameters: [],
  tool: null,
  error: 'the app "Invoice pipeline" is not published',
  created_at: ago(700),
  updated_at: ago(700),
};

const template = (
  id: string,
  mode: Template['mode'],
  category: Template['category'],
  icon: string,
  background: string,
  vision: boolean,
  en: [string, string],
  zh: [string, string],
): Template => ({
  id,
  mode,
  category,
  icon,
  icon_background: background,
  vision,
  texts: {
    'en-US': { name: en[0], description: en[1] },
    'zh-Hans': { name: zh[0], description: zh[1] },
  },
});

const TEMPLATES: Template[] = [
  template(
    'picture-chat',
    'chat',
    'vision',
    '🖼️',
    '#E4E7FB',
    true,
    ['Picture companion', 'Talk about your pictures: what is in them, how many, where, and what they say.'],
    ['看图助手', '聊聊你的图片：里面有什么、有多少、在哪里、写了什么。'],
  ),
  template(
    'receipt-reader',
    'completion',
    'vision',
    '🧾',
    '#FBE4D0',
    true,
    ['Receipt reader', 'A photo of a receipt or invoice in, clean JSON out: shop, date, items, total.'],
    ['票据识别', '输入小票或发票照片，输出整洁的 JSON：商家、日期、明细、合计。'],
  ),
  template(
    'visual-inspection',
    'workflow',
    'vision',
    '🏭',
    '#E8E3D9',
    true,
    [
      'Visual inspection',
      'Judges a photo against your rule and takes one of two ways: accept it, or write a report of the defect.',
    ],
    ['外观检验', '按你的规则判断照片，并走两条路之一：通过，或写出缺陷报告。'],
  ),
  template(
    'translate',
    'completion',
    'writing',
    '🌐',
    '#DCEBFB',
    false,
    ['Translator', 'Faithful translation that keeps Markdown, names and your glossary.'],
    ['翻译', '忠实翻译，保留 Markdown、人名与术语表。'],
  ),
  template(
    'document-chat',
    'advanced-chat',
    'documents',
    '💬',
    '#DCEBFB',
    false,
    ['Chat with a document', 'Attach a file once, then ask about it as long as you like: the conversation keeps it.'],
    ['文档问答', '附上一次文件，之后随意提问：对话会一直记得它。'],
  ),
  template(
    'helpful-agent',
    'agent-chat',
    'agents',
    '🧰',
    '#FFEAD5',
    true,
    ['Agent with tools', 'Reads web pages, computes and knows the time: it decides by itself which tool to use.'],
    ['工具助手', '会读网页、会计算、知道时间：自己决定用哪个工具。'],
  ),
];

const AUDIT: AuditEntry[] = (
  [
    ['app.publish', 'app', 'museum', { version_id: 'v-2' }, 30],
    ['model.load', 'model', 'local/ashlar-tiny', {}, 300],
    ['tag.rename', 'tag', 'visitor', { name: 'visitors' }, 800],
    ['app.create', 'app', 'haiku', { name: 'Haiku from a photo', mode: 'completion' }, 2000],
    ['session.create', 'session', 's-1', {}, 2003],
  ] as const
).map(([action, target_type, target_id, detail, minutes], index) => ({
  id: `log-${index}`,
  action,
  target_type,
  target_id,
  detail,
  account_id: 'acc-1',
  account_name: index === 1 ? null : 'Ada Lovelace',
  account_email: index === 1 ? null : 'ada@example.com',
  ip: '192.0.2.7',
  created_at: ago(minutes),
}));

/** What a plan is for a model of so many parameters, in bf16. */
function planOf(model: string, device: 'cpu' | 'cuda', memory: number): ModelPlan {
  const n = Number(/(\d+)b/i.exec(model)?.[1] ?? 8) * 1e9;
  const option = (precision: string, bytes: number) => {
    const parts = {
      weight_bytes: n * bytes,
      workspace_bytes: 0.9 * GIB,
      encoder_cache_bytes: GIB,
      device_bytes: device === 'cuda' ? 0.7 * GIB : 0,
    };
    const fixed_bytes = Object.values(parts).reduce((sum, part) => sum + part, 0);
    return {
      precision,
      ...parts,
      fixed_bytes,
      kv_bytes_per_token: 147_456,
      kv_tokens: Math.max(0, Math.floor((memory - fixed_bytes) / 147_456)),
    };
  };
  return {
    model,
    architecture: 'Qwen3VLForConditionalGeneration',
    n_parameters: n,
    n_active_parameters: n,
    context_length: 262_144,
    vision: true,
    device,
    memory_bytes: memory,
    options: device === 'cuda' ? [option('stored', 2), option('fp8', 1)] : [option('stored', 2)],
  };
}

export interface HomeWorld {
  templates: Template[];
  tools: ToolProvider[];
  pulls: Pull[];
  engine: EngineStatus;
  audit: AuditEntry[];
  keys: Schemas['ApiKey'][];
  defaults: Schemas['DefaultModels'];
}

export function makeHome(): HomeWorld {
  return {
    templates: TEMPLATES,
    tools: PROVIDERS,
    pulls: [],
    engine: ENGINE,
    audit: AUDIT,
    keys: [
      { id: 'wk-1', kind: 'model', name: 'Notebook', hint: 'sk-…r8Vd', created_at: ago(4000), last_used_at: ago(12) },
    ],
    defaults: { llm: { provider: 'vllm', name: 'qwen3-vl-8b' } },
  };
}

/** Two downloads, one of which went wrong. */
export const PULLS: Pull[] = [
  {
    id: 'pull-2',
    model: 'Qwen/Qwen3-VL-2B-Instruct',
    status: 'running',
    done_bytes: 1_840_000_000,
    total_bytes: 4_262_000_000,
    started_at: ago(1),
  },
  {
    id: 'pull-1',
    model: 'meta-llama/Llama-3.2-1B',
    status: 'failed',
    error:
      'meta-llama/Llama-3.2-1B is gated: accept its terms at https://huggingface.co/meta-llama/Llama-3.2-1B, then set HF_TOKEN to a token of that account',
    done_bytes: 0,
    total_bytes: 0,
    started_at: ago(9),
  },
];

/** An agent that calls the calculator before it answers. */
export function thoughtEvents(common: object): object[] {
  const thought = {
    event: 'agent_thought',
    ...common,
    id: 'th-1',
    position: 1,
    thought: 'I should compute this exactly.',
    tool: 'eval_expression',
    tool_labels: { eval_expression: { en_US: 'Evaluate an expression' } },
    tool_input: JSON.stringify({ eval_expression: { expression: '17 * 23' } }),
    observation: '',
    message_files: [],
  };
  const observation = JSON.stringify({ eval_expression: 'The result of the expression "17 * 23" is 391' });
  return [
    { event: 'agent_message', ...common, answer: 'I should compute this exactly.' },
    thought,
    { ...thought, observation },
  ];
}

type Fail = (status: number, code: string, message: string, param?: string | null) => Response;

interface Shared {
  home: HomeWorld;
  apps: App[];
  session: { workspace: { name: string } } | null;
  models: { name: string }[];
}

const list = <T>(data: T[]) => HttpResponse.json({ data, next_cursor: null });

/** Streams an answer as OpenAI's API does. */
function answer(model: string): string {
  const words = model.includes('8b')
    ? 'One red circle on a white ground, a little left of the middle.'
    : 'A red circle.';
  const chunks: object[] = (words.match(/\s*\S+/g) ?? []).map((content) => ({
    choices: [{ delta: { content }, finish_reason: null }],
  }));
  chunks.push({ choices: [{ delta: {}, finish_reason: 'stop' }] });
  chunks.push({
    choices: [],
    usage: { prompt_tokens: 84, completion_tokens: words.length / 4, prompt_tokens_details: { cached_tokens: 64 } },
  });
  return `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('')}data: [DONE]\n\n`;
}

export function homeHandlers(world: Shared, fail: Fail) {
  const { home } = world;
  let looks = 0;
  const byName = (id: unknown) => home.tools.find((provider) => provider.id === id);
  return [
    http.get('*/api/tags', () => {
      const names = [...new Set(world.apps.flatMap((app) => app.tags))].sort();
      return list(names.map((name) => ({ name, n_apps: world.apps.filter((app) => app.tags.includes(name)).length })));
    }),
    http.patch('*/api/tags/:tag', async ({ params, request }) => {
      const { name } = (await request.json()) as { name: string };
      world.apps = world.apps.map((app) => ({
        ...app,
        tags: app.tags.map((tag) => (tag === params.tag ? name : tag)),
      }));
      return HttpResponse.json({ name, n_apps: 1 });
    }),
    http.delete('*/api/tags/:tag', ({ params }) => {
      world.apps = world.apps.map((app) => ({ ...app, tags: app.tags.filter((tag) => tag !== params.tag) }));
      return new HttpResponse(null, { status: 204 });
    }),
    http.get('*/api/templates', () => list(home.templates)),
    http.post('*/api/templates/:id/apps', async ({ params, request }) => {
      const body = (await request.json()) as { name: string; description: string };
      const found = home.templates.find((one) => one.id === params.id);
      const like = world.apps[0];
      if (!found || !like) return fail(404, 'not_found', 'There is no such template.');
      const app: App = {
        ...like,
        ...body,
        id: `from-${found.id}`,
        mode: found.mode,
        icon: found.icon,
        tags: [],
        published: false,
      };
      world.apps = [app, ...world.apps];
      return HttpResponse.json(app, { status: 201 });
    }),
    http.get('*/api/model-pulls', () => list(home.pulls)),
    http.post('*/api/model-pulls', async ({ request }) => {
      const { model } = (await request.json()) as { model: string };
      const pull: Pull = {
        id: `pull-${home.pulls.length + 1}`,
        model,
        status: 'running',
        done_bytes: 0,
        total_bytes: 0,
        started_at: ago(0),
      };
      home.pulls = [pull, ...home.pulls];
      return HttpResponse.json(pull, { status: 201 });
    }),
    http.delete('*/api/model-pulls/:id', ({ params }) => {
      home.pulls = home.pulls.filter((pull) => pull.id !== params.id);
      return new HttpResponse(null, { status: 204 });
    }),
    http.delete('*/api/models/local/:name', ({ params }) => {
      world.models = world.models.filter((model) => model.name !== params.name);
      return new HttpResponse(null, { status: 204 });
    }),
    http.get('*/api/model-plan', ({ request }) => {
      const query = new URL(request.url).searchParams;
      const model = query.get('model') ?? '';
      if (model.includes('missing'))
        return fail(
          400,
          'model_currently_not_support',
          `there is no model ${model} at https://huggingface.co/`,
          'model',
        );
      const device = query.get('device') === 'cuda' ? 'cuda' : 'cpu';
      return HttpResponse.json(
        planOf(model, device, Number(query.get('memory_bytes')) || (device === 'cuda' ? 24 : 64) * GIB),
      );
    }),
    http.get('*/api/engine', () => {
      looks += 1;
      return HttpResponse.json(later(home.engine, looks));
    }),
    http.get('*/api/workspace', () =>
      HttpResponse.json({ id: 'ws-1', name: world.session?.workspace.name ?? '', default_models: home.defaults }),
    ),
    http.patch('*/api/workspace', async ({ request }) => {
      const body = (await request.json()) as { default_models?: Schemas['DefaultModels'] };
      if (body.default_models) home.defaults = body.default_models;
      return HttpResponse.json({ id: 'ws-1', name: 'Analytical Engines', default_models: home.defaults });
    }),
    http.post('*/api/playground/chat/completions', async ({ request }) => {
      const body = (await request.json()) as { model: string };
      if (body.model.includes('smollm'))
        return fail(400, 'model_currently_not_support', `The model "${body.model}" takes no pictures.`);
      return new HttpResponse(answer(body.model), { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } });
    }),
    http.get('*/api/tools', () => list(home.tools)),
    http.post('*/api/tools/call', async ({ request }) => {
      const body = (await request.json()) as { tool_name: string; arguments: Record<string, unknown> };
      return HttpResponse.json({
        ok: body.arguments.expression !== '1/0',
        ...(body.arguments.expression === '1/0' ? { error: 'Division by zero.' } : {}),
        text:
          body.arguments.expression === '1/0'
            ? ''
            : `The result of the expression "${body.arguments.expression}" is 42`,
        json: [],
        files: [],
        variables: {},
        elapsed_ms: 3,
      });
    }),
    http.post('*/api/tools/openapi/preview', () =>
      HttpResponse.json({
        title: 'Pet store',
        description: 'Everything about pets.',
        servers: ['https://pets.example.com'],
        tools: [
          tool({ provider_type: 'api', provider_id: '', provider_name: '' }, 'listPets', 'listPets', 'All pets.', [
            parameter('limit', 'limit'),
          ]),
          tool({ provider_type: 'api', provider_id: '', provider_name: '' }, 'addPet', 'addPet', 'Adds a pet.', []),
        ],
        document: 'openapi: 3.1.0',
      }),
    ),
    http.post('*/api/tools/openapi', async ({ request }) => {
      const { name } = (await request.json()) as { name: string };
      const provider: ToolProvider = {
        provider_type: 'api',
        id: 'op-2',
        name,
        label: name,
        description: 'Everything about pets.',
        tools: [],
      };
      home.tools = [...home.tools, provider];
      return HttpResponse.json(provider, { status: 201 });
    }),
    http.get('*/api/tools/mcp', () => list([SERVER])),
    http.post('*/api/tools/mcp/:id/refresh', () => HttpResponse.json(SERVER)),
    http.post('*/api/tools/mcp', async ({ request }) => {
      const body = (await request.json()) as { name: string; url: string };
      if (body.url.includes('refused')) return fail(400, 'invalid_param', 'url: the server does not answer.', 'url');
      const provider: ToolProvider = {
        provider_type: 'mcp',
        id: 'mcp-2',
        name: body.name,
        label: body.name,
        description: '',
        tools: [],
      };
      home.tools = [...home.tools, provider];
      return HttpResponse.json({ ...SERVER, id: 'mcp-2', name: body.name, tools: [] }, { status: 201 });
    }),
    http.get('*/api/tools/workflows', () => list([WORKFLOW_TOOL])),
    http.delete('*/api/tools/:kind/:id', ({ params }) => {
      const found = byName(params.id);
      home.tools = home.tools.filter((provider) => provider !== found);
      return new HttpResponse(null, { status: 204 });
    }),
    http.get('*/api/keys', () => list(home.keys)),
    http.post('*/api/keys', async ({ request }) => {
      const body = (await request.json()) as { kind: 'model' | 'dataset'; name?: string };
      const key = {
        id: 'wk-2',
        kind: body.kind,
        name: body.name ?? '',
        hint: 'sk-…9QaZ',
        created_at: ago(0),
        last_used_at: null,
      };
      home.keys = [key, ...home.keys];
      return HttpResponse.json({ ...key, token: 'sk-Ab3dEfGh1jKlMn0pQrStUvWx' }, { status: 201 });
    }),
    http.delete('*/api/keys/:id', ({ params }) => {
      home.keys = home.keys.filter((key) => key.id !== params.id);
      return new HttpResponse(null, { status: 204 });
    }),
    http.get('*/api/audit-log', () => list(home.audit)),
    http.post('*/api/workspaces', async ({ request }) => {
      const { name } = (await request.json()) as { name: string };
      return HttpResponse.json({ id: 'ws-2', name, role: 'owner' }, { status: 201 });
    }),
  ];
}
