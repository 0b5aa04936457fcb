// A small made-up workspace that answers like the server, for tests and for the screenshot gallery.
import { HttpResponse, http } from 'msw';
import type { components } from '@/lib/api/schema';
import type { AppVersion, Model, Provider, Secret, Session } from '@/lib/api/types';
import { formHandlers, type LinkedForm, WAITING } from './form-fixtures';
import { type HomeWorld, homeHandlers, makeHome, thoughtEvents } from './home-fixtures';
import { type LogWorld, logHandlers, logWorld } from './logs-fixtures';
import { SECRETS } from './secrets-fixtures';
import { SITE, type SiteWorld, siteHandlers, siteWorld } from './site-fixtures';
import { GUIDE, studioHandlers, TRIAGE } from './studio-fixtures';

type Schemas = components['schemas'];

const NOW = Date.now();
const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();

export const EN_SESSION: Session = {
  account: { id: 'acc-1', email: 'ada@example.com', name: 'Ada Lovelace', language: 'en-US', theme: 'system' },
  workspace: { id: 'ws-1', name: 'Analytical Engines', role: 'owner' },
  workspaces: [{ id: 'ws-1', name: 'Analytical Engines', role: 'owner' }],
  csrf_token: 'csrf-1',
  version: '0.1.0',
};

const baseConfig = {
  model: { provider: 'local', name: 'default', mode: 'chat', completion_params: { temperature: 0.2, max_tokens: 256 } },
  pre_prompt:
    'You help visitors of {{museum}} understand what they photograph.\n\nLook at the picture first. Answer in {{language}}, in at most three sentences, and say so when you are not sure.',
  prompt_type: 'simple',
  user_input_form: [
    { 'text-input': { label: 'Museum', variable: 'museum', required: true, max_length: 80, default: 'the Louvre' } },
    {
      select: {
        label: 'Language',
        variable: 'language',
        required: true,
        options: ['English', '中文', 'Français'],
        default: 'English',
      },
    },
  ],
  opening_statement: 'Hello! I can tell you about what you see in **{{museum}}**. Send me a picture.',
  suggested_questions: ['What colour is this?', 'How many figures do you see?'],
  suggested_questions_after_answer: { enabled: true },
  sensitive_word_avoidance: { enabled: false, type: 'keywords', config: {} },
  file_upload: {
    enabled: true,
    allowed_file_types: ['image'],
    number_limits: 3,
    image: { enabled: true, number_limits: 3, detail: 'low', transfer_methods: ['local_file', 'remote_url'] },
  },
  dataset_configs: { retrieval_model: 'multiple', top_k: 4, datasets: { datasets: [] } },
};

type App = Schemas['App'];

export function makeApp(id: string, patch: Partial<App>): App {
  return {
    id,
    name: id,
    description: '',
    mode: 'chat',
    icon_type: 'emoji',
    icon: '💬',
    icon_background: '#D5EBE6',
    tags: [],
    published: false,
    created_at: ago(9000),
    updated_at: ago(30),
    created_by_name: 'Ada Lovelace',
    enable_api: true,
    enable_site: true,
    site_code: 'k3v9q2m7x1c8',
    enable_mcp: false,
    mcp_code: '5f2b8a0c9d',
    max_active_requests: 0,
    site: { ...SITE.site, title: patch.name ?? id, description: patch.description ?? '' },
    draft: baseConfig,
    draft_revision: 4,
    published_version: null,
    has_unpublished_changes: true,
    annotation_reply: { enabled: false, score_threshold: 0.9, embedding_model: null },
    ...patch,
  };
}

const VERSIONS: AppVersion[] = [
  {
    id: 'v-2',
    number: 2,
    name: 'Shorter answers',
    note: 'At most three sentences.',
    created_at: ago(300),
    created_by_name: 'Ada Lovelace',
    current: true,
  },
  {
    id: 'v-1',
    number: 1,
    name: '',
    note: '',
    created_at: ago(4000),
    created_by_name: 'Charles Babbage',
    current: false,
  },
];

export interface World extends LogWorld, SiteWorld {
  session: Session | null;
  setupNeeded: boolean;
  apps: App[];
  keys: Schemas['ApiKey'][];
  models: Model[];
  providers: Provider[];
  secrets: Secret[];
  members: Schemas['Member'][];
  invitations: Schemas['Invitation'][];
  annotations: Schemas['Annotation'][];
  versions: AppVersion[];
  home: HomeWorld;
  /** What a form's link leads to. */
  form: LinkedForm | null;
  /** What the preview answers. */
  answer: string;
  /** Requests as `METHOD path`, with the parsed body of unsafe ones. */
  seen: { line: string; body: unknown; csrf: string | null }[];
}

export function makeWorld(patch: Partial<World> = {}): World {
  return {
    ...logWorld(),
    ...siteWorld(),
    session: EN_SESSION,
    setupNeeded: false,
    apps: [
      makeApp('museum', {
        name: 'Museum companion',
        description: 'Explains what visitors photograph, in their language.',
        icon: '🏛️',
        icon_background: '#E7E5E0',
        published: true,
        published_version: VERSIONS[0] ?? null,
        tags: ['visitors'],
        annotation_reply: { enabled: true, score_threshold: 0.88, embedding_model: null },
      }),
      makeApp('haiku', {
        name: 'Haiku from a photo',
        description: 'One picture in, seventeen syllables out.',
        mode: 'completion',
        icon: '🌿',
        icon_background: '#E0EDD3',
        updated_at: ago(400),
        draft: {
          ...baseConfig,
          pre_prompt: 'Write a haiku about {{topic}} in the mood of the picture.',
          user_input_form: [{ paragraph: { label: 'Topic', variable: 'topic', required: true, max_length: 200 } }],
          opening_statement: '',
          suggested_questions: [],
        },
      }),
      makeApp('support', {
        name: 'Support triage',
        description:
          'Sorts tickets and drafts the first answer. Long descriptions are cut after two lines so that the grid stays calm and readable.',
        icon: '📮',
        icon_background: '#FBE4D0',
        published: true,
        published_version: VERSIONS[1] ?? null,
        has_unpublished_changes: false,
        updated_at: ago(3000),
      }),
      makeApp('pipeline', {
        name: 'Invoice pipeline',
        mode: 'workflow',
        icon: '🗂️',
        icon_background: '#DCE7F5',
        updated_at: ago(9000),
        draft: TRIAGE,
        published: true,
        published_version: VERSIONS[0] ?? null,
      }),
      makeApp('guide', {
        name: 'Museum guide',
        mode: 'advanced-chat',
        icon: '🗺️',
        icon_background: '#E0EDD3',
        updated_at: ago(9500),
        draft: GUIDE,
      }),
      makeApp('blank', {
        name: 'Blank workflow',
        mode: 'workflow',
        icon: '🧱',
        updated_at: ago(9900),
        draft: { graph: { nodes: [], edges: [] }, features: {} },
      }),
      makeApp('helper', {
        name: 'Agent with tools',
        description: 'Decides by itself which tool to use.',
        mode: 'agent-chat',
        icon: '🧰',
        icon_background: '#FFEAD5',
        updated_at: ago(12_000),
        tags: ['internal'],
        draft: {
          ...baseConfig,
          pre_prompt: 'You help with questions that need facts, dates or numbers.',
          user_input_form: [],
          opening_statement: 'Ask me something that needs a calculation or the date.',
          suggested_questions: ['What is 17 * 23?'],
          agent_mode: {
            enabled: true,
            strategy: 'function_call',
            max_iteration: 6,
            tools: [
              {
                enabled: true,
                provider_type: 'builtin',
                provider_id: 'maths',
                provider_name: 'maths',
                tool_name: 'eval_expression',
                tool_label: 'Calculator',
                tool_parameters: {},
              },
              {
                enabled: true,
                provider_type: 'builtin',
                provider_id: 'time',
                provider_name: 'time',
                tool_name: 'current_time',
                tool_label: 'Current time',
                tool_parameters: { timezone: 'Europe/Berlin' },
              },
            ],
          },
        },
      }),
    ],
    keys: [
      { id: 'k-1', kind: 'app', name: 'Production', hint: 'app-…x4Qe', created_at: ago(5000), last_used_at: ago(3) },
      { id: 'k-2', kind: 'app', name: '', hint: 'app-…9aTz', created_at: ago(90), last_used_at: null },
    ],
    models: [
      {
        provider: 'local',
        name: 'ashlar-tiny',
        kind: 'llm',
        architecture: 'qwen3_vl',
        features: ['vision', 'tools', 'structured_output'],
        context_size: 4096,
        status: 'ready',
        memory_bytes: 78_643_200,
        is_default: true,
        deletable: false,
      },
      {
        provider: 'local',
        name: 'smollm2-135m-instruct-q8_0',
        kind: 'llm',
        architecture: 'llama',
        features: ['structured_output'],
        context_size: 8192,
        status: 'available',
        is_default: false,
        deletable: true,
      },
      {
        provider: 'local',
        name: 'minilm-l6',
        kind: 'text-embedding',
        architecture: 'bert',
        features: [],
        context_size: 512,
        status: 'ready',
        memory_bytes: 94_371_840,
        is_default: true,
        deletable: true,
      },
      {
        provider: 'local',
        name: 'mamba-1.4b',
        kind: 'llm',
        architecture: 'mamba',
        features: [],
        context_size: 0,
        status: 'refused',
        reason: 'The architecture MambaForCausalLM is not supported. Supported: qwen3_vl, llama, qwen2, qwen3, bert.',
        is_default: false,
        deletable: true,
      },
      {
        provider: 'vllm',
        name: 'qwen3-vl-8b',
        kind: 'llm',
        features: ['vision', 'tools'],
        context_size: 131_072,
        status: 'ready',
        is_default: false,
        deletable: false,
      },
    ],
    providers: [
      {
        id: 'p-1',
        name: 'vllm',
        base_url: 'http://gpu-box.lan:8000/v1',
        has_api_key: true,
        timeout_ms: 120_000,
        max_retries: 2,
        created_at: ago(900),
        updated_at: ago(900),
        models: [{ name: 'qwen3-vl-8b', kind: 'llm', context_size: 131_072, features: ['vision', 'tools'] }],
      },
    ],
    secrets: SECRETS,
    members: [
      {
        account_id: 'acc-1',
        email: 'ada@example.com',
        name: 'Ada Lovelace',
        role: 'owner',
        created_at: ago(9000),
        last_login_at: ago(20),
      },
      {
        account_id: 'acc-2',
        email: 'charles@example.com',
        name: 'Charles Babbage',
        role: 'editor',
        created_at: ago(8000),
        last_login_at: ago(2000),
      },
    ],
    invitations: [
      { id: 'i-1', email: 'mary@example.com', role: 'normal', created_at: ago(60), expires_at: ago(-9000) },
    ],
    annotations: [
      {
        id: 'a-1',
        question: 'When do you close?',
        answer: 'We close at six, on Thursdays at nine.',
        hit_count: 12,
        created_at: ago(600),
      },
    ],
    versions: VERSIONS,
    home: makeHome(),
    form: WAITING,
    answer:
      'The picture shows **one red circle** on a white ground.\n\n| Shape | Colour |\n| --- | --- |\n| circle | red |\n\n```python\nprint("red circle")\n```\n',
    seen: [],
    ...patch,
  };
}

const error = (status: number, code: string, message: string, param: string | null = null) =>
  HttpResponse.json({ error: { code, message, type: 'invalid_request_error', param } }, { status });
const page = <T>(data: T[]) => HttpResponse.json({ data, next_cursor: null });
const summary = ({
  draft: _d,
  draft_revision: _r,
  published_version: _p,
  has_unpublished_changes: _h,
  annotation_reply: _a,
  site: _s,
  enable_api: _e,
  enable_site: _es,
  site_code: _sc,
  enable_mcp: _em,
  mcp_code: _mc,
  max_active_requests: _m,
  ...rest
}: App) => rest;

/** Handlers over `world`; what a test changes there is what the console sees next. */
export function handlersOf(world: World) {
  const find = (id: unknown) => world.apps.find((app) => app.id === id);
  const signedIn = () => world.session !== null;
  const put = (id: unknown, patch: Partial<App>) => {
    world.apps = world.apps.map((app) => (app.id === id ? { ...app, ...patch } : app));
    return find(id);
  };
  return [
    http.all('*/api/*', async ({ request }) => {
      const url = new URL(request.url);
      const text =
        request.method === 'GET'
          ? ''
          : await request
              .clone()
              .text()
              .catch(() => '');
      let body: unknown = text;
      try {
        body = text ? JSON.parse(text) : null;
      } catch {}
      world.seen.push({ line: `${request.method} ${url.pathname}`, body, csrf: request.headers.get('X-CSRF-Token') });
      const open =
        ['/api/setup', '/api/session', '/api/invitations/accept'].includes(url.pathname) ||
        /^\/api\/(forms|sites?)\//.test(url.pathname);
      if (!signedIn() && !open) return error(401, 'unauthorized', 'Please sign in.');
      return undefined;
    }),
    ...formHandlers(world, error),
    ...homeHandlers(world, error),
    ...siteHandlers(world, error),
    ...logHandlers(world, error),
    ...studioHandlers,
    http.get('*/api/setup', () => HttpResponse.json({ needed: world.setupNeeded, version: '0.1.0' })),
    http.post('*/api/setup', async ({ request }) => {
      const body = (await request.json()) as { email: string; name: string; workspace_name: string };
      world.setupNeeded = false;
      world.session = {
        ...EN_SESSION,
        account: { ...EN_SESSION.account, email: body.email, name: body.name },
        workspace: { ...EN_SESSION.workspace, name: body.workspace_name },
      };
      return HttpResponse.json(world.session, { status: 201 });
    }),
    http.get('*/api/session', () =>
      world.session ? HttpResponse.json(world.session) : error(401, 'unauthorized', 'Please sign in.'),
    ),
    http.post('*/api/session', async ({ request }) => {
      const body = (await request.json()) as { password: string };
      if (body.password !== 'analytical1')
        return error(401, 'unauthorized', 'The e-mail address or the password is wrong.');
      world.session = EN_SESSION;
      return HttpResponse.json(world.session);
    }),
    http.delete('*/api/session', () => {
      world.session = null;
      return new HttpResponse(null, { status: 204 });
    }),
    http.patch('*/api/account', async ({ request }) => {
      if (!world.session) return error(401, 'unauthorized', '');
      const body = (await request.json()) as Partial<Session['account']>;
      world.session = { ...world.session, account: { ...world.session.account, ...body } };
      return HttpResponse.json(world.session.account);
    }),
    http.put('*/api/account/password', async ({ request }) => {
      const body = (await request.json()) as { current_password: string };
      if (body.current_password !== 'analytical1')
        return error(400, 'invalid_param', 'current_password is not right.', 'current_password');
      return new HttpResponse(null, { status: 204 });
    }),
    http.get('*/api/invitations/accept', ({ request }) =>
      new URL(request.url).searchParams.get('token') === 'good'
        ? HttpResponse.json({
            workspace_name: 'Analytical Engines',
            email: 'mary@example.com',
            role: 'editor',
            account_exists: false,
          })
        : error(404, 'not_found', 'Invitation not found.'),
    ),
    http.post('*/api/invitations/accept', () => {
      world.session = EN_SESSION;
      return HttpResponse.json(world.session);
    }),
    http.get('*/api/apps', ({ request }) => {
      const query = new URL(request.url).searchParams;
      const keyword = query.get('keyword')?.toLowerCase() ?? '';
      const [mode, tag] = [query.get('mode'), query.get('tag')];
      return page(
        world.apps
          .filter(
            (app) =>
              app.name.toLowerCase().includes(keyword) &&
              (!mode || app.mode === mode) &&
              (!tag || app.tags.includes(tag)),
          )
          .map(summary),
      );
    }),
    http.post('*/api/apps', async ({ request }) => {
      const body = (await request.json()) as Partial<App>;
      const app = makeApp(`app-${world.apps.length + 1}`, {
        ...body,
        draft: { ...baseConfig, pre_prompt: '', user_input_form: [], opening_statement: '', suggested_questions: [] },
        draft_revision: 1,
      });
      world.apps = [app, ...world.apps];
      return HttpResponse.json(app, { status: 201 });
    }),
    http.post('*/api/apps/import', async ({ request }) => {
      const body = (await request.json()) as { yaml: string };
      if (body.yaml.includes('version: 9')) {
        return HttpResponse.json({
          status: 'pending',
          app: null,
          import_id: 'im-1',
          warnings: ['The file has version 9.0.0; this server writes 0.6.0.'],
        });
      }
      if (!body.yaml.includes('app:')) return error(400, 'invalid_param', 'Missing app data in YAML content', 'yaml');
      const app = makeApp('imported', { name: 'Imported app' });
      world.apps = [app, ...world.apps];
      return HttpResponse.json({ status: 'completed', app, import_id: null, warnings: [] });
    }),
    http.post('*/api/apps/import/:id/confirm', () => {
      const app = makeApp('imported', { name: 'Imported app' });
      world.apps = [app, ...world.apps];
      return HttpResponse.json({ status: 'completed', app, import_id: null, warnings: [] });
    }),
    http.get('*/api/apps/:id', ({ params }) => {
      const app = find(params.id);
      return app ? HttpResponse.json(app) : error(404, 'not_found', 'App not found.');
    }),
    http.patch('*/api/apps/:id', async ({ params, request }) =>
      HttpResponse.json(put(params.id, (await request.json()) as Partial<App>)),
    ),
    http.delete('*/api/apps/:id', ({ params }) => {
      world.apps = world.apps.filter((app) => app.id !== params.id);
      return new HttpResponse(null, { status: 204 });
    }),
    http.get(
      '*/api/apps/:id/export',
      () => new HttpResponse('app:\n  name: x\n', { headers: { 'Content-Type': 'application/yaml' } }),
    ),
    http.post('*/api/apps/:id/duplicate', async ({ params, request }) => {
      const body = (await request.json()) as { name: string };
      const app = { ...(find(params.id) ?? makeApp('x', {})), id: `copy-${world.apps.length}`, name: body.name };
      world.apps = [app, ...world.apps];
      return HttpResponse.json(app, { status: 201 });
    }),
    http.put('*/api/apps/:id/draft', async ({ params, request }) => {
      const body = (await request.json()) as { config: Record<string, unknown>; revision: number };
      const app = find(params.id);
      if (!app) return error(404, 'not_found', 'App not found.');
      if (body.revision !== app.draft_revision)
        return error(409, 'conflict', 'The draft was changed in the meantime: reload it.', 'revision');
      return HttpResponse.json(
        put(params.id, { draft: body.config, draft_revision: app.draft_revision + 1, has_unpublished_changes: true }),
      );
    }),
    http.post('*/api/apps/:id/publish', async ({ params, request }) => {
      const body = (await request.json()) as { name?: string; note?: string };
      const number = (find(params.id)?.published_version?.number ?? 0) + 1;
      const version = {
        id: `v-${number}`,
        number,
        name: body.name ?? '',
        note: body.note ?? '',
        created_at: ago(0),
        created_by_name: 'Ada Lovelace',
        current: true,
      };
      world.versions = [version, ...world.versions.map((v) => ({ ...v, current: false }))];
      put(params.id, { published: true, published_version: version, has_unpublished_changes: false });
      return HttpResponse.json(version);
    }),
    http.get('*/api/apps/:id/versions', () => page(world.versions)),
    http.post('*/api/apps/:id/versions/:version/restore', ({ params }) => {
      const app = find(params.id);
      return HttpResponse.json(
        put(params.id, {
          draft: { ...app?.draft, pre_prompt: 'The restored prompt.' },
          draft_revision: (app?.draft_revision ?? 0) + 1,
        }),
      );
    }),
    http.get('*/api/apps/:id/annotations', () => page(world.annotations)),
    http.post('*/api/apps/:id/annotations', async ({ request }) => {
      const body = (await request.json()) as { question: string; answer: string };
      const annotation = { id: `a-${world.annotations.length + 1}`, ...body, hit_count: 0, created_at: ago(0) };
      world.annotations = [annotation, ...world.annotations];
      return HttpResponse.json(annotation, { status: 201 });
    }),
    http.put('*/api/apps/:id/annotation-reply', async ({ params, request }) => {
      const body = (await request.json()) as App['annotation_reply'];
      put(params.id, { annotation_reply: body });
      return HttpResponse.json(body);
    }),
    http.get('*/api/apps/:id/keys', () => page(world.keys)),
    http.post('*/api/apps/:id/keys', async ({ request }) => {
      const body = (await request.json()) as { name?: string };
      const key = {
        id: `k-${world.keys.length + 1}`,
        kind: 'app' as const,
        name: body.name ?? '',
        hint: 'app-…Zq81',
        created_at: ago(0),
        last_used_at: null,
      };
      world.keys = [key, ...world.keys];
      return HttpResponse.json({ ...key, token: 'app-Ab3dEfGh1jKlMn0pQrStUvWx' }, { status: 201 });
    }),
    http.delete('*/api/apps/:id/keys/:key', ({ params }) => {
      world.keys = world.keys.filter((key) => key.id !== params.key);
      return new HttpResponse(null, { status: 204 });
    }),
    http.post('*/api/apps/:id/preview', async ({ params, request }) => {
      const body = (await request.json()) as { query?: string; conversation_id?: string };
      if (body.query === 'fail') return error(429, 'overloaded', 'The queue is full.');
      const common = {
        conversation_id: body.conversation_id ?? 'c-1',
        message_id: `m-${world.seen.length}`,
        created_at: 1,
        task_id: 't-1',
      };
      const words = world.answer.match(/\s*\S+\s*/g) ?? [];
      const isAgent = find(params.id)?.mode === 'agent-chat';
      const events: object[] = words.map((answer) => ({
        event: isAgent ? 'agent_message' : 'message',
        ...common,
        id: common.message_id,
        answer,
        from_variable_selector: [],
      }));
      if (isAgent) events.unshift(...thoughtEvents(common));
      if (body.query === 'break') {
        events.splice(2, events.length, {
          event: 'error',
          ...common,
          task_id: undefined,
          code: 'completion_request_error',
          status: 400,
          message: 'The provider closed the connection.',
        });
      } else if (body.query !== 'cut') {
        events.push({
          event: 'message_end',
          ...common,
          id: common.message_id,
          metadata: {
            annotation_reply: null,
            retriever_resources: [],
            usage: {
              prompt_tokens: 214,
              completion_tokens: 31,
              total_tokens: 245,
              latency: 1.42,
              time_to_first_token: 0.38,
              time_to_generate: 1.04,
            },
          },
          files: [],
        });
      }
      const text = `event: ping\n\n${events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}`;
      return new HttpResponse(text, { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } });
    }),
    http.post('*/api/apps/:id/preview/:task/stop', () => HttpResponse.json({ result: 'success' })),
    http.get('*/api/apps/:id/preview/:message/suggested-questions', () =>
      HttpResponse.json({ data: ['Who made it?', 'Is it large?', 'Where can I see more?'] }),
    ),
    http.post('*/api/files', () =>
      HttpResponse.json(
        {
          id: 'file-1',
          name: 'circle.png',
          size: 900,
          extension: 'png',
          mime_type: 'image/png',
          source_url: '/files/file-1/circle.png',
        },
        { status: 201 },
      ),
    ),
    http.get('*/api/models', () => page(world.models)),
    http.post('*/api/models/local/:name/:action', ({ params }) => {
      world.models = world.models.map((model) =>
        model.name === params.name
          ? { ...model, status: params.action === 'load' ? 'ready' : 'available', memory_bytes: null }
          : model,
      );
      return HttpResponse.json(world.models.find((model) => model.name === params.name));
    }),
    http.get('*/api/providers', () => page(world.providers)),
    http.post('*/api/providers', async ({ request }) => {
      const { api_key, ...body } = (await request.json()) as Schemas['CreateProvider'];
      const provider = {
        ...body,
        id: `p-${world.providers.length + 1}`,
        has_api_key: Boolean(api_key),
        created_at: ago(0),
        updated_at: ago(0),
      } as Provider;
      world.providers = [...world.providers, provider];
      return HttpResponse.json(provider, { status: 201 });
    }),
    http.post('*/api/providers/:id/test', () =>
      HttpResponse.json({ ok: true, error: null, models: ['qwen3-vl-8b', 'bge-m3-embed'] }),
    ),
    http.get('*/api/secrets', () => page(world.secrets)),
    http.get('*/api/members', () => page(world.members)),
    http.patch('*/api/members/:id', async ({ params, request }) => {
      const body = (await request.json()) as { role: Schemas['Role'] };
      world.members = world.members.map((member) =>
        member.account_id === params.id ? { ...member, ...body } : member,
      );
      return HttpResponse.json(world.members.find((member) => member.account_id === params.id));
    }),
    http.get('*/api/invitations', () => page(world.invitations)),
    http.post('*/api/invitations', async ({ request }) => {
      const body = (await request.json()) as { email: string; role: Schemas['Role'] };
      const invitation = { id: 'i-2', ...body, created_at: ago(0), expires_at: ago(-10_000) };
      world.invitations = [...world.invitations, invitation];
      return HttpResponse.json(
        { ...invitation, url: 'http://localhost:8080/invite?token=good', is_mailed: false },
        { status: 201 },
      );
    }),
  ];
}
