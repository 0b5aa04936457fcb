// A made-up log and its figures, of the apps in fixtures.ts.
import { HttpResponse, http } from 'msw';
import type { components } from '@/lib/api/schema';

type Schemas = components['schemas'];
type LogConversation = Schemas['LogConversation'];
type LogMessage = Schemas['LogMessage'];
type RunSummary = Schemas['RunSummary'];
type NodeRun = Schemas['NodeRun'];
type Statistics = Schemas['Statistics'];
type Refuse = (status: number, code: string, message: string) => Response;

export interface LogWorld {
  logConversations: LogConversation[];
  logMessages: LogMessage[];
  runs: RunSummary[];
  nodes: NodeRun[];
  /** No answers at all. */
  unused: boolean;
}

const NOW = Date.now();
const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();

const conversation = (
  id: string,
  name: string,
  minutes: number,
  patch: Partial<LogConversation> = {},
): LogConversation => ({
  id,
  name,
  source: 'service-api',
  asked_by: { type: 'end_user', id: `u-${id}`, name: 'visitor-7f3a' },
  message_count: 2,
  failures: 0,
  total_tokens: 812,
  user_likes: 0,
  user_dislikes: 0,
  member_likes: 0,
  member_dislikes: 0,
  annotations: 0,
  created_at: ago(minutes + 4),
  updated_at: ago(minutes),
  ...patch,
});

const message = (
  id: string,
  query: string,
  answer: string,
  minutes: number,
  patch: Partial<LogMessage> = {},
): LogMessage => ({
  id,
  conversation_id: 'c-1',
  source: 'web-app',
  asked_by: { type: 'end_user', id: 'u-1', name: 'visitor-7f3a' },
  version_number: 2,
  inputs: { museum: 'the Louvre', language: 'English' },
  query,
  answer,
  status: 'normal',
  error: null,
  error_code: null,
  model: { provider: 'local', name: 'qwen3-vl-2b' },
  prompt_tokens: 612,
  completion_tokens: 58,
  cached_tokens: 384,
  total_price: 0.00042,
  currency: 'USD',
  latency_s: 1.94,
  time_to_first_token_s: 0.61,
  time_to_generate_s: 1.33,
  trace: [
    { kind: 'prepare', name: '', start_s: 0, duration_s: 0.08, call: null, error: null },
    {
      kind: 'model',
      name: 'local/qwen3-vl-2b',
      start_s: 0.08,
      duration_s: 1.86,
      call: {
        prompt_tokens: 612,
        completion_tokens: 58,
        cached_tokens: 384,
        image_tokens: 196,
        prepare_s: 0.11,
        queue_s: 0.16,
        first_token_s: 0.53,
      },
      error: null,
    },
  ],
  thoughts: [],
  files: [],
  retriever_resources: [],
  run_id: null,
  user_feedback: null,
  member_feedback: null,
  annotation_id: null,
  saved_annotation_id: null,
  created_at: ago(minutes),
  finished_at: ago(minutes),
  ...patch,
});

const run = (id: string, minutes: number, patch: Partial<RunSummary> = {}): RunSummary => ({
  id,
  version_id: 'v-1',
  version_number: 3,
  mode: 'workflow',
  status: 'succeeded',
  triggered_from: 'app-run',
  source: 'service-api',
  error: null,
  elapsed_s: 4.21,
  total_tokens: 2140,
  total_price: 0.0021,
  currency: 'USD',
  total_steps: 5,
  exceptions_count: 0,
  created_by: { type: 'end_user', id: 'u-2', name: 'billing-cron' },
  conversation_id: null,
  message_id: null,
  task_id: `t-${id}`,
  created_at: ago(minutes),
  finished_at: ago(minutes),
  ...patch,
});

const NODE: Omit<
  NodeRun,
  'id' | 'node_id' | 'node_type' | 'title' | 'index' | 'created_at' | 'finished_at' | 'elapsed_s'
> = {
  predecessor_node_id: null,
  status: 'succeeded',
  error: null,
  error_type: null,
  inputs: {},
  inputs_truncated: false,
  process_data: {},
  process_data_truncated: false,
  outputs: {},
  outputs_truncated: false,
  handle: null,
  usage: { total_tokens: 0, total_price: 0, currency: 'USD' },
  metadata: {},
  rounds: [],
  retries: [],
};

function node(
  index: number,
  title: string,
  type: string,
  start: number,
  elapsed: number,
  patch: Partial<NodeRun> = {},
): NodeRun {
  const at = (seconds: number) => new Date(NOW - 12 * 60_000 + seconds * 1000).toISOString();
  return {
    ...NODE,
    id: `n-${index}`,
    node_id: title.toLowerCase(),
    node_type: type,
    title,
    index,
    created_at: at(start),
    finished_at: at(start + elapsed),
    elapsed_s: elapsed,
    ...patch,
  };
}

const call = (total: number, queue: number, first: number) => ({
  model_call: {
    cached_tokens: 128,
    image_tokens: 240,
    prepare_s: 0.05,
    queue_s: queue,
    first_token_s: first,
    total_s: total,
  },
});

export function logWorld(): LogWorld {
  return {
    unused: false,
    logConversations: [
      conversation('c-1', 'What does the inscription under the relief say?', 3, {
        source: 'web-app',
        user_likes: 1,
        annotations: 1,
      }),
      conversation('c-2', '这幅画是谁画的？', 26, {
        message_count: 6,
        total_tokens: 4210,
        source: 'web-app',
        member_dislikes: 1,
      }),
      conversation('c-3', 'Is the second statue a copy?', 95, {
        asked_by: { type: 'end_user', id: 'u-3', name: 'kiosk-2@louvre.example' },
        failures: 1,
        user_dislikes: 1,
      }),
      conversation('c-4', 'How many figures stand on the frieze, and which of them are women?', 240, {
        source: 'mcp',
        asked_by: { type: 'end_user', id: 'u-4', name: 'mcp' },
        message_count: 1,
      }),
      conversation('c-5', 'What time do you close on Thursdays?', 1500, { message_count: 1, total_tokens: 96 }),
    ],
    logMessages: [
      message(
        'm-2',
        'And how old is it?',
        'The relief was cut about **490 BC**, the inscription two generations later.',
        3,
        {
          member_feedback: { rating: 'like', comment: null },
          user_feedback: { rating: 'like', comment: 'Exactly what I wanted to know.' },
        },
      ),
      message(
        'm-1',
        'What does the inscription under the relief say?',
        'It names the founder of the sanctuary: *“Archandros dedicated this to the Nymphs.”*\n\n- **Archandros** stands on the right\n- the three figures beside him are the **Nymphs**',
        4,
        {
          saved_annotation_id: 'a-1',
          files: [
            {
              id: 'f-1',
              filename: 'relief.png',
              type: 'image',
              url: '/ashlar.svg',
              belongs_to: 'user',
              transfer_method: 'local_file',
              mime_type: 'image/png',
              size: 48213,
            },
          ],
        },
      ),
    ],
    runs: [
      run('r-1', 12),
      run('r-2', 40, { status: 'failed', error: 'Read: the document has no text.', total_steps: 2, elapsed_s: 0.92 }),
      run('r-3', 190, { triggered_from: 'schedule', created_by: null }),
      run('r-4', 300, { status: 'paused', total_steps: 3, source: 'web-app', elapsed_s: 1.2 }),
      run('r-5', 1600, {
        triggered_from: 'webhook',
        created_by: null,
        status: 'partial-succeeded',
        exceptions_count: 1,
      }),
    ],
    nodes: [
      node(1, 'Start', 'start', 0, 0.002, { outputs: { invoice: 'invoice-20419.pdf' } }),
      node(2, 'Read', 'document-extractor', 0.01, 0.42, { outputs: { text: 'Invoice 20419 …' } }),
      node(3, 'Classify', 'question-classifier', 0.44, 0.93, {
        metadata: call(0.9, 0.04, 0.41),
        process_data: { usage: { prompt_tokens: 410, completion_tokens: 12 } },
      }),
      node(4, 'Draft', 'llm', 1.38, 2.55, {
        metadata: call(2.5, 0.31, 0.88),
        process_data: {
          usage: { prompt_tokens: 960, completion_tokens: 142 },
          prompts: [{ role: 'user', text: 'Write …' }],
        },
        outputs: { text: 'Dear Mary, …' },
      }),
      node(5, 'Notify', 'http-request', 1.38, 0.31, { status: 'exception', error: 'The address answered 503.' }),
      node(6, 'End', 'end', 3.94, 0.001),
    ],
  };
}

/** Busy days and quiet ones, always the same. */
function statistics(from: string, to: string, interval: 'hour' | 'day', isUnused: boolean): Statistics {
  const step = interval === 'hour' ? 3_600_000 : 86_400_000;
  const figures = (index: number) => {
    const start = new Date(Date.parse(from) + index * step);
    const wave =
      interval === 'hour'
        ? Math.max(0, Math.sin(((start.getHours() - 6) / 14) * Math.PI))
        : ([0.4, 1, 0.9, 1.1, 1, 0.8, 0.35][start.getDay()] ?? 1);
    const count = isUnused || start.getTime() > NOW ? 0 : Math.round(wave * (38 + ((index * 7) % 23)));
    const failures = count > 30 && index % 3 === 0 ? 2 : 0;
    return {
      count,
      failures,
      conversations: Math.round(count * 0.6),
      active_users: Math.round(count * 0.45),
      prompt_tokens: count * 540,
      completion_tokens: count * 71,
      total_tokens: count * 611,
      cost: count * 0.00041,
      latency_median_s: count ? 1.4 + ((index * 5) % 7) / 10 : null,
      latency_p95_s: count ? 3.1 + ((index * 3) % 11) / 6 : null,
      first_token_s: count ? 0.42 + ((index * 5) % 4) / 25 : null,
      tokens_per_second: count ? 48 + ((index * 11) % 13) : null,
      likes: Math.round(count / 6),
      dislikes: Math.round(count / 24),
    };
  };
  const data = Array.from(
    { length: Math.max(1, Math.round((Date.parse(to) - Date.parse(from)) / step)) },
    (_, index) => ({
      start: new Date(Date.parse(from) + index * step).toISOString(),
      ...figures(index),
    }),
  );
  const sum = (pick: (bucket: (typeof data)[number]) => number) => data.reduce((all, bucket) => all + pick(bucket), 0);
  const total = {
    ...figures(1),
    count: sum((b) => b.count),
    failures: sum((b) => b.failures),
    conversations: sum((b) => b.conversations),
    active_users: Math.round(sum((b) => b.active_users) * 0.6),
    prompt_tokens: sum((b) => b.prompt_tokens),
    completion_tokens: sum((b) => b.completion_tokens),
    total_tokens: sum((b) => b.total_tokens),
    cost: sum((b) => b.cost),
    likes: sum((b) => b.likes),
    dislikes: sum((b) => b.dislikes),
    ...(isUnused ? {} : { latency_median_s: 1.62, latency_p95_s: 3.9, first_token_s: 0.47, tokens_per_second: 53.4 }),
  };
  const previous = {
    ...total,
    count: Math.round(total.count * 0.86),
    active_users: Math.round(total.active_users * 0.93),
    latency_median_s: 1.8,
  };
  return { interval, time_zone: 'UTC', currency: isUnused ? null : 'USD', total, previous, data };
}

/** `world.logMessages` are newest first, as the server gives them. */
export function logHandlers(world: LogWorld, error: Refuse) {
  const page = <T>(data: T[]) => HttpResponse.json({ data, next_cursor: null });
  const change = (id: unknown, patch: Partial<LogMessage>) => {
    world.logMessages = world.logMessages.map((one) => (one.id === id ? { ...one, ...patch } : one));
    const found = world.logMessages.find((one) => one.id === id);
    return found ? HttpResponse.json(found) : error(404, 'not_found', 'Message not found.');
  };
  return [
    http.get('*/api/apps/:id/conversations', ({ request }) => {
      const query = new URL(request.url).searchParams;
      const keyword = query.get('keyword')?.toLowerCase() ?? '';
      const source = query.get('source');
      return page(
        world.logConversations.filter(
          (row) =>
            row.name.toLowerCase().includes(keyword) &&
            (!source || row.source === source) &&
            (!query.has('failed') || row.failures > 0),
        ),
      );
    }),
    http.get('*/api/apps/:id/conversations/:conversation', ({ params }) => {
      const found = world.logConversations.find((row) => row.id === params.conversation);
      return found ? HttpResponse.json(found) : error(404, 'not_found', 'Conversation not found.');
    }),
    http.get('*/api/apps/:id/messages', () => page(world.logMessages)),
    http.get('*/api/apps/:id/messages/:message', ({ params }) => change(params.message, {})),
    http.put('*/api/apps/:id/messages/:message/feedback', async ({ params, request }) => {
      const { rating } = (await request.json()) as { rating: 'like' | 'dislike' | null };
      return change(params.message, { member_feedback: rating ? { rating, comment: null } : null });
    }),
    http.put('*/api/apps/:id/messages/:message/annotation', ({ params }) =>
      change(params.message, { saved_annotation_id: 'a-9' }),
    ),
    http.get('*/api/apps/:id/runs', ({ request }) => {
      const status = new URL(request.url).searchParams.get('status');
      return page(world.runs.filter((row) => !status || row.status === status));
    }),
    http.get('*/api/apps/:id/runs/:run', ({ params }) => {
      const found = world.runs.find((row) => row.id === params.run);
      // The studio has runs of its own.
      if (!found) return;
      return HttpResponse.json({
        ...found,
        inputs: { invoice: 'invoice-20419.pdf', 'sys.user_id': 'billing-cron' },
        inputs_truncated: false,
        outputs: { letter: 'Dear Mary, …', category: 'refund' },
        outputs_truncated: false,
        graph: null,
      });
    }),
    http.get('*/api/apps/:id/runs/:run/nodes', ({ params }) =>
      world.runs.some((row) => row.id === params.run) ? page(world.nodes) : undefined,
    ),
    http.get('*/api/apps/:id/statistics', ({ request }) => {
      const query = new URL(request.url).searchParams;
      const interval = query.get('interval') === 'hour' ? 'hour' : 'day';
      return HttpResponse.json(statistics(query.get('from') ?? '', query.get('to') ?? '', interval, world.unused));
    }),
    http.post('*/api/apps/:id/:what/renew', () => error(503, 'unavailable', 'Not in this world.')),
  ];
}
