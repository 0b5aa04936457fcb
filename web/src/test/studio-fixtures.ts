// A made-up workflow and chatflow with runs, as the studio sees them.
import { HttpResponse, http } from 'msw';
import type { components } from '@/lib/api/schema';

type Schemas = components['schemas'];

const NOW = Date.now();
const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();
const MODEL = { provider: 'local', name: 'default', mode: 'chat', completion_params: { temperature: 0.2 } };

const node = (id: string, x: number, y: number, data: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  id,
  type: 'custom',
  position: { x, y },
  data: { desc: '', ...data },
  ...more,
});
const edge = (source: string, target: string, sourceHandle = 'source') => ({
  id: `${source}-${sourceHandle}-${target}-target`,
  type: 'custom',
  source,
  sourceHandle,
  target,
  targetHandle: 'target',
});

export const TRIAGE = {
  graph: {
    viewport: { x: 0, y: 0, zoom: 1 },
    nodes: [
      node('start', 80, 260, {
        type: 'start',
        title: 'Ticket',
        variables: [
          { variable: 'ticket', label: 'What happened', type: 'paragraph', required: true, max_length: 4000 },
          {
            variable: 'pictures',
            label: 'Pictures',
            type: 'file-list',
            required: false,
            max_length: 3,
            allowed_file_types: ['image'],
            allowed_file_upload_methods: ['local_file', 'remote_url'],
          },
          { variable: 'urgent', label: 'Urgent', type: 'checkbox', required: false },
        ],
      }),
      node('sort', 392, 260, {
        type: 'question-classifier',
        title: 'Sort',
        model: MODEL,
        query_variable_selector: ['start', 'ticket'],
        classes: [
          { id: '1', name: 'Something broke' },
          { id: '2', name: 'Money back' },
          { id: '3', name: 'Anything else' },
        ],
      }),
      node(
        'look',
        704,
        -40,
        {
          type: 'iteration',
          title: 'Look at each picture',
          iterator_selector: ['start', 'pictures'],
          output_selector: ['see', 'text'],
          output_type: 'array[string]',
          start_node_id: 'lookstart',
          is_parallel: true,
          parallel_nums: 4,
          width: 396,
          height: 216,
        },
        { width: 396, height: 216, zIndex: 1 },
      ),
      node(
        'lookstart',
        24,
        92,
        { type: 'iteration-start', title: '' },
        { type: 'custom-iteration-start', parentId: 'look' },
      ),
      node(
        'see',
        116,
        76,
        {
          type: 'llm',
          title: 'Describe the damage',
          model: { provider: 'vllm', name: 'qwen3-vl-8b', mode: 'chat', completion_params: {} },
          prompt_template: [{ id: 'a', role: 'user', text: 'Describe what is broken in one sentence.' }],
          context: { enabled: false, variable_selector: [] },
          vision: { enabled: true, configs: { detail: 'high', variable_selector: ['look', 'item'] } },
          isInIteration: true,
          iteration_id: 'look',
        },
        { parentId: 'look' },
      ),
      node('draft', 1172, 100, {
        type: 'llm',
        title: 'Draft the answer',
        desc: 'In the customer’s language',
        model: MODEL,
        prompt_template: [
          {
            id: 'b',
            role: 'system',
            text: 'You answer customers of a lamp shop. Be short and kind.\n\nWhat the pictures show: {{#look.output#}}',
          },
          { id: 'c', role: 'user', text: '{{#start.ticket#}}\n\nSigned by {{#env.SIGNATURE#}}' },
        ],
        context: { enabled: false, variable_selector: [] },
        vision: { enabled: false },
        error_strategy: 'fail-branch',
        retry_config: { retry_enabled: true, max_retries: 2, retry_interval: 500 },
      }),
      node('check', 1172, 400, {
        type: 'if-else',
        title: 'Large sum?',
        cases: [
          {
            case_id: 'true',
            logical_operator: 'or',
            conditions: [
              {
                id: 'd',
                variable_selector: ['amount', 'sum'],
                comparison_operator: '≥',
                value: '100',
                varType: 'number',
              },
              {
                id: 'e',
                variable_selector: ['start', 'urgent'],
                comparison_operator: 'is',
                value: true,
                varType: 'boolean',
              },
            ],
          },
        ],
      }),
      node('amount', 704, 300, {
        type: 'parameter-extractor',
        title: 'Find the sum',
        model: MODEL,
        query: ['start', 'ticket'],
        parameters: [{ name: 'sum', type: 'number', description: 'The sum in euros', required: true }],
        instruction: '',
        reasoning_mode: 'function_call',
      }),
      node('ask', 1484, 400, {
        type: 'human-input',
        title: 'Approve the refund',
        form_content: '## Refund of €{{#amount.sum#}}\n\n{{#start.ticket#}}\n\n{{#$output.reply#}}\n',
        inputs: [{ type: 'paragraph', output_variable_name: 'reply' }],
        user_actions: [
          { id: 'approve', title: 'Approve and pay', button_style: 'primary' },
          { id: 'reject', title: 'Reject', button_style: 'default' },
        ],
        delivery_methods: [{ id: 'f', type: 'webapp', enabled: true, config: {} }],
        timeout: 2,
        timeout_unit: 'day',
      }),
      node('pay', 1796, 340, {
        type: 'http-request',
        title: 'Pay',
        method: 'post',
        url: 'https://bank.example.com/v1/refunds',
        headers: 'Content-Type:application/json\nX-Shop:lamps',
        params: '',
        authorization: { type: 'api-key', config: { type: 'bearer', api_key: '{{#env.BANK_KEY#}}', header: '' } },
        body: { type: 'json', data: [{ type: 'text', key: '', value: '{"euros": {{#amount.sum#}}}' }] },
        timeout: { connect: 10, read: 60, write: 60 },
      }),
      node('words', 704, 560, {
        type: 'code',
        title: 'Shorten',
        code_language: 'python3',
        code: 'def main(text: str) -> dict:\n    # the first sentence is enough\n    return {"short": text.split(".")[0]}\n',
        variables: [{ variable: 'text', value_selector: ['start', 'ticket'], value_type: 'string' }],
        outputs: { short: { type: 'string', children: null } },
      }),
      node('end', 2108, 180, {
        type: 'end',
        title: 'Reply',
        outputs: [
          { variable: 'reply', value_selector: ['draft', 'text'], value_type: 'string' },
          { variable: 'status', value_selector: ['pay', 'status_code'], value_type: 'number' },
        ],
      }),
      node('log', 1172, 700, {
        type: 'end',
        title: 'For the team',
        outputs: [{ variable: 'note', value_selector: ['words', 'short'], value_type: 'string' }],
      }),
      node(
        'note',
        80,
        40,
        {
          type: '',
          title: '',
          text: 'Every class has its own course.\nRefunds over €100 need a person.',
          theme: 'yellow',
          width: 240,
          height: 88,
        },
        { type: 'custom-note', width: 240, height: 88 },
      ),
    ],
    edges: [
      edge('start', 'sort'),
      edge('sort', 'look', '1'),
      edge('sort', 'amount', '2'),
      edge('sort', 'words', '3'),
      edge('lookstart', 'see'),
      edge('look', 'draft'),
      edge('amount', 'check'),
      edge('check', 'ask', 'true'),
      edge('check', 'pay', 'false'),
      edge('ask', 'pay', 'approve'),
      edge('draft', 'end'),
      edge('pay', 'end'),
      edge('words', 'log'),
    ],
  },
  features: {},
  environment_variables: [
    { id: 'v1', name: 'SIGNATURE', value_type: 'string', value: 'the lamp people', description: 'Under every answer' },
    { id: 'v2', name: 'BANK_KEY', value_type: 'secret', value: '********', description: '' },
  ],
  conversation_variables: [],
};

export const GUIDE = {
  graph: {
    viewport: { x: 0, y: 0, zoom: 1 },
    nodes: [
      node('start', 80, 240, { type: 'start', title: 'Start', variables: [] }),
      node('agent', 392, 240, {
        type: 'agent',
        title: 'Guide',
        agent_strategy_name: 'function_calling',
        agent_parameters: {
          model: { type: 'constant', value: { ...MODEL, name: undefined, model: 'default' } },
          instruction: { type: 'constant', value: 'You guide visitors through the museum.' },
          query: { type: 'constant', value: '{{#sys.query#}}' },
          maximum_iterations: { type: 'constant', value: 5 },
          tools: {
            type: 'constant',
            value: [
              {
                enabled: true,
                type: 'builtin',
                provider_name: 'time',
                tool_name: 'current_time',
                tool_label: 'Current time',
                parameters: {},
                settings: {},
              },
            ],
          },
        },
      }),
      node('answer', 704, 240, { type: 'answer', title: 'Answer', answer: '{{#agent.text#}}' }),
    ],
    edges: [edge('start', 'agent'), edge('agent', 'answer')],
  },
  features: {
    opening_statement: 'Welcome! Ask me anything about the **museum**.',
    suggested_questions: ['When do you close?', 'Where are the lamps?'],
    file_upload: {
      enabled: true,
      allowed_file_types: ['image'],
      allowed_file_upload_methods: ['local_file'],
      number_limits: 3,
    },
  },
  environment_variables: [],
  conversation_variables: [
    { id: 'v3', name: 'interests', value_type: 'array[string]', value: [], description: 'What the visitor likes' },
  ],
};

const ISSUES: Schemas['Issue'][] = [
  {
    severity: 'error',
    node_id: 'pay',
    title: 'Pay',
    field: 'url',
    message: 'must begin with http:// or https://',
  },
  {
    severity: 'warning',
    node_id: 'ask',
    title: 'Approve the refund',
    field: 'edges',
    message: "no edge leaves 'reject': a run that takes it ends there",
    finding: { code: 'open_handle', handle: 'reject' },
  },
];

interface Ran {
  id: string;
  type: string;
  title: string;
  elapsed: number;
  status?: string;
  error?: string;
  tokens?: number;
  before?: string;
  inputs?: object;
  outputs?: object;
}

const RAN: Ran[] = [
  {
    id: 'start',
    type: 'start',
    title: 'Ticket',
    elapsed: 0.001,
    outputs: { ticket: 'The shade of my lamp came cracked.' },
  },
  {
    id: 'sort',
    type: 'question-classifier',
    title: 'Sort',
    elapsed: 0.42,
    tokens: 96,
    before: 'start',
    inputs: { query: 'The shade of my lamp came cracked.' },
    outputs: { class_id: '1', class_name: 'Something broke' },
  },
  {
    id: 'look',
    type: 'iteration',
    title: 'Look at each picture',
    elapsed: 1.9,
    tokens: 412,
    before: 'sort',
    outputs: { output: ['The glass shade has a crack.'] },
  },
  {
    id: 'draft',
    type: 'llm',
    title: 'Draft the answer',
    elapsed: 2.71,
    tokens: 318,
    before: 'look',
    inputs: { model: 'ashlar-tiny' },
    outputs: {
      text: 'Dear Mary, I am sorry that the lamp reached you damaged. A new shade is on its way.',
      finish_reason: 'stop',
    },
  },
  { id: 'end', type: 'end', title: 'Reply', elapsed: 0.001, before: 'draft', outputs: { reply: 'Dear Mary, …' } },
];

const nodeRun = (one: Ran, index: number): Schemas['NodeRun'] => ({
  id: `n-${one.id}`,
  node_id: one.id,
  node_type: one.type,
  title: one.title,
  index: index + 1,
  predecessor_node_id: one.before ?? null,
  status: one.status ?? 'succeeded',
  error: one.error ?? null,
  error_type: null,
  inputs: (one.inputs ?? {}) as Record<string, never>,
  inputs_truncated: false,
  process_data: {},
  process_data_truncated: false,
  outputs: (one.outputs ?? {}) as Record<string, never>,
  outputs_truncated: false,
  handle: null,
  usage: { total_tokens: one.tokens ?? 0, total_price: 0, currency: 'USD' },
  metadata: {},
  rounds: [],
  retries: [],
  elapsed_s: one.elapsed,
  created_at: ago(5),
  finished_at: ago(5),
});

const summary = (id: string, patch: Partial<Schemas['RunSummary']>): Schemas['RunSummary'] => ({
  id,
  version_id: null,
  version_number: null,
  mode: 'workflow',
  status: 'succeeded',
  triggered_from: 'debugging',
  source: 'debugger',
  error: null,
  elapsed_s: 5.03,
  total_tokens: 826,
  total_steps: 5,
  exceptions_count: 0,
  created_by: { type: 'account', id: 'acc-1', name: 'Ada Lovelace' },
  conversation_id: null,
  message_id: null,
  task_id: 't-1',
  created_at: ago(5),
  finished_at: ago(5),
  total_price: 0,
  ...patch,
});

const RUNS = [
  summary('5d7d41b5-0000-4000-8000-000000000001', {}),
  summary('5d7d41b5-0000-4000-8000-000000000002', {
    status: 'failed',
    error: "Node 'Pay' failed: the bank did not answer in 60 s.",
    created_at: ago(70),
    elapsed_s: 61.2,
    total_tokens: 230,
  }),
  summary('5d7d41b5-0000-4000-8000-000000000003', {
    triggered_from: 'app-run',
    source: 'service-api',
    version_number: 3,
    status: 'partial-succeeded',
    created_at: ago(400),
    created_by: { type: 'end_user', id: 'u-1', name: 'shop-front' },
  }),
  summary('5d7d41b5-0000-4000-8000-000000000004', {
    triggered_from: 'schedule',
    status: 'paused',
    created_at: ago(900),
    created_by: null,
  }),
];

const DIFF: Schemas['VersionDiff'] = {
  layout_only: false,
  nodes: {
    added: [{ id: 'look', type: 'iteration', title: 'Look at each picture' }],
    removed: [{ id: 'old', type: 'code', title: 'Guess the sum' }],
    changed: [
      {
        id: 'draft',
        type: 'llm',
        title: 'Draft the answer',
        changes: [
          {
            path: '/data/prompt_template/0/text',
            kind: 'changed',
            before: 'You answer customers.\nBe kind.' as never,
            after: 'You answer customers of a lamp shop.\nBe short and kind.' as never,
            truncated: false,
          },
          {
            path: '/data/model/completion_params/temperature',
            kind: 'changed',
            before: 0.7 as never,
            after: 0.2 as never,
            truncated: false,
          },
        ],
        layout: [],
        layout_only: false,
      },
    ],
  },
  edges: { added: [{ source: 'sort', source_handle: '1', target: 'look' }], removed: [] },
  variables: [{ list: 'environment', name: 'BANK_KEY', kind: 'added', changes: [] }],
  features: [],
  others: [],
};

const TOOLS = [
  {
    provider_type: 'builtin',
    id: 'time',
    name: 'time',
    label: 'Time',
    description: 'Clocks and calendars',
    tools: [
      {
        provider_type: 'builtin',
        provider_id: 'time',
        provider_name: 'time',
        name: 'current_time',
        label: 'Current time',
        description: 'What time it is in a time zone.',
        parameters: [
          {
            name: 'timezone',
            label: 'Time zone',
            description: 'An IANA name',
            required: false,
            form: 'form',
            schema: { type: 'string', default: 'UTC', enum: ['UTC', 'Europe/London', 'Asia/Shanghai'] },
          },
        ],
        output_variables: [],
      },
    ],
  },
];

/** A stream of a run: the first nodes are done, the last one is at work. */
function stream(isWhole: boolean, isChat: boolean): string {
  const common = { task_id: 't-1', workflow_run_id: RUNS[0]?.id };
  const events: object[] = [{ event: 'workflow_started', ...common, data: { inputs: {}, reason: 'initial' } }];
  const chatted: Ran[] = [
    { id: 'start', type: 'start', title: 'Start', elapsed: 0.001 },
    {
      id: 'agent',
      type: 'agent',
      title: 'Guide',
      elapsed: 1.2,
      tokens: 210,
      before: 'start',
      outputs: { text: 'We close at six.' },
    },
    { id: 'answer', type: 'answer', title: 'Answer', elapsed: 0.001, before: 'agent' },
  ];
  const ran = isChat ? chatted : isWhole ? RAN : RAN.slice(0, 4);
  ran.forEach((one, i) => {
    const data = {
      id: `n-${one.id}`,
      node_id: one.id,
      node_type: one.type,
      title: one.title,
      index: i + 1,
      predecessor_node_id: one.before ?? null,
      created_at: NOW / 1000,
    };
    events.push({ event: 'node_started', ...common, data });
    if (one.id === 'draft') {
      for (const text of [
        'Dear Mary,\n\n',
        'I am sorry that the lamp reached you damaged. ',
        'A new shade is on its way.',
      ])
        events.push({ event: 'text_chunk', ...common, data: { text, from_variable_selector: ['draft', 'text'] } });
    }
    if (one.id === 'agent') {
      events.push({
        event: 'agent_log',
        ...common,
        data: {
          node_execution_id: 'n-agent',
          node_id: 'agent',
          id: 'l-1',
          label: 'ROUND 1',
          parent_id: null,
          status: 'success',
          data: {},
          metadata: { elapsed_time: 0.9 },
        },
      });
      events.push({
        event: 'message',
        ...common,
        conversation_id: 'c-1',
        message_id: 'm-1',
        answer: 'We close at **six**, on Thursdays at nine.',
      });
    }
    if (isWhole || one.id !== 'draft') {
      events.push({
        event: 'node_finished',
        ...common,
        data: {
          ...data,
          inputs: one.inputs ?? {},
          process_data: {},
          outputs: one.outputs ?? {},
          status: 'succeeded',
          elapsed_time: one.elapsed,
          execution_metadata: one.tokens ? { total_tokens: one.tokens } : {},
        },
      });
    }
  });
  if (isWhole || isChat) {
    events.push({
      event: 'workflow_finished',
      ...common,
      data: {
        status: 'succeeded',
        outputs: { reply: 'Dear Mary, …' },
        elapsed_time: 5.03,
        total_tokens: 826,
        total_steps: 5,
      },
    });
  }
  return events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
}

const page = (data: unknown[]) => HttpResponse.json({ data, next_cursor: null });
const sse = (text: string) =>
  new HttpResponse(text, { headers: { 'Content-Type': 'text/event-stream; charset=utf-8' } });

export const studioHandlers = [
  http.post('*/api/apps/:id/draft/check', ({ params }) =>
    HttpResponse.json(
      params.id === 'pipeline' ? { data: ISSUES, can_publish: false } : { data: [], can_publish: true },
    ),
  ),
  http.get('*/api/apps/:id/triggers', () => page([])),
  http.get('*/api/apps/:id/draft/variables', () =>
    page([
      {
        kind: 'node',
        node_id: 'draft',
        name: 'text',
        title: 'Draft the answer',
        type: 'string',
        value: 'Dear Mary, I am sorry that the lamp reached you damaged.',
        value_truncated: false,
        is_edited: true,
        run_id: null,
        updated_at: ago(4),
      },
      {
        kind: 'node',
        node_id: 'amount',
        name: 'sum',
        title: 'Find the sum',
        type: 'number',
        value: 184,
        value_truncated: false,
        is_edited: false,
        run_id: RUNS[0]?.id,
        updated_at: ago(5),
      },
      {
        kind: 'environment',
        node_id: 'env',
        name: 'SIGNATURE',
        title: null,
        type: 'string',
        value: 'the lamp people',
        value_truncated: false,
        is_edited: false,
        run_id: null,
        updated_at: null,
      },
    ]),
  ),
  http.get('*/api/apps/:id/draft/nodes/:node/variables', () =>
    page([
      {
        selector: ['start', 'ticket'],
        title: 'Ticket',
        type: 'string',
        value: 'The shade of my lamp came cracked.',
        value_truncated: false,
        is_known: true,
        read_by_node_id: 'draft',
        field: 'prompt_template[1].text',
      },
      {
        selector: ['look', 'output'],
        title: 'Look at each picture',
        type: 'array[string]',
        value: ['The glass shade has a crack.'],
        value_truncated: false,
        is_known: true,
        read_by_node_id: 'draft',
        field: 'prompt_template[0].text',
      },
    ]),
  ),
  http.get('*/api/apps/:id/draft/nodes/:node/last-run', ({ params }) => {
    const one = RAN.find((ran) => ran.id === params.node);
    return one
      ? HttpResponse.json({ ...nodeRun(one, 0), run_id: RUNS[0]?.id })
      : HttpResponse.json({ error: { code: 'not_found', message: 'It has not run.' } }, { status: 404 });
  }),
  http.post('*/api/apps/:id/draft/run', async ({ request }) => {
    const body = (await request.json()) as { inputs?: { ticket?: string } };
    return sse(stream(!body.inputs?.ticket?.includes('…'), false));
  }),
  http.post('*/api/apps/guide/preview', () => sse(stream(true, true))),
  http.get('*/api/apps/:id/runs', () => page(RUNS)),
  http.get('*/api/apps/:id/runs/:run', ({ params }) =>
    HttpResponse.json({
      ...(RUNS.find((run) => run.id === params.run) ?? RUNS[0]),
      inputs: { ticket: 'The shade of my lamp came cracked.' },
      inputs_truncated: false,
      outputs: { reply: 'Dear Mary, …' },
      outputs_truncated: false,
      graph: null,
    }),
  ),
  http.get('*/api/apps/:id/runs/:run/nodes', () => page(RAN.map(nodeRun))),
  http.get('*/api/apps/:id/versions/:version/diff/:other', () => HttpResponse.json(DIFF)),
  http.get('*/api/tools', () => page(TOOLS)),
];
