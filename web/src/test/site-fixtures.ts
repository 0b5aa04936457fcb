// A made-up published app, as a visitor of its page finds it.
import { HttpResponse, http } from 'msw';
import type { HistoryMessage } from '@/features/site/api';
import type { components } from '@/lib/api/schema';

type OpenedSite = components['schemas']['OpenedSite'];
type Refuse = (status: number, code: string, message: string) => Response;

export interface SiteWorld {
  /** What every code leads to; none: nothing is there. */
  site: OpenedSite | null;
  visitorConversations: { id: string; name: string }[];
  visitorMessages: HistoryMessage[];
  /** Data of the events that an answer is made of. */
  siteEvents: Record<string, unknown>[];
}

const SETTINGS: OpenedSite['site'] = {
  title: 'Museum companion',
  description: 'Explains what you photograph, in your language.',
  chat_color_theme: null,
  chat_color_theme_inverted: false,
  copyright: 'Analytical Engines 2026',
  privacy_policy: 'https://example.com/privacy',
  input_placeholder: '',
  custom_disclaimer: 'Answers may be wrong: ask a guide.',
  default_language: '',
  default_theme: 'system',
  show_workflow_steps: true,
};

export const SITE: OpenedSite = {
  mode: 'chat',
  app: { name: 'Museum companion', icon_type: 'emoji', icon: '🏛️', icon_background: '#E7E5E0' },
  site: SETTINGS,
  visitor: 'visitor-token',
  parameters: {
    opening_statement: 'Hello! I can tell you about what you see in **{{museum}}**. Send me a picture.',
    suggested_questions: ['Who painted this?', 'How old is the building?'],
    suggested_questions_after_answer: { enabled: true },
    user_input_form: [
      { 'text-input': { variable: 'museum', label: 'Museum', required: true, default: 'the Louvre', max_length: 80 } },
      {
        select: {
          variable: 'language',
          label: 'Language',
          required: true,
          options: ['English', '中文'],
          default: 'English',
        },
      },
    ],
    file_upload: {
      enabled: false,
      image: { enabled: true, number_limits: 3, transfer_methods: ['local_file', 'remote_url'] },
    },
  },
};

export const TASK_SITE: OpenedSite = {
  ...SITE,
  mode: 'workflow',
  app: { name: 'Invoice pipeline', icon_type: 'emoji', icon: '🗂️', icon_background: '#DCE7F5' },
  site: {
    ...SETTINGS,
    title: 'Invoice pipeline',
    description: 'Reads an invoice and drafts the answer.',
    custom_disclaimer: '',
  },
  parameters: {
    user_input_form: [
      { paragraph: { variable: 'letter', label: 'Letter of the customer', required: true } },
      {
        select: {
          variable: 'tone',
          label: 'Tone',
          required: false,
          options: ['friendly', 'formal'],
          default: 'friendly',
        },
      },
      { file: { variable: 'invoice', label: 'Invoice', required: false, allowed_file_types: ['document'] } },
    ],
  },
};

export const RUN_EVENTS: Record<string, unknown>[] = [
  { event: 'workflow_started', workflow_run_id: 'r', task_id: 't', data: {} },
  {
    event: 'node_started',
    workflow_run_id: 'r',
    data: { id: '1', title: 'Read the invoice', node_type: 'document-extractor' },
  },
  {
    event: 'node_finished',
    workflow_run_id: 'r',
    data: {
      id: '1',
      title: 'Read the invoice',
      node_type: 'document-extractor',
      status: 'succeeded',
      elapsed_time: 0.42,
    },
  },
  { event: 'node_started', workflow_run_id: 'r', data: { id: '2', title: 'Draft the answer', node_type: 'llm' } },
  {
    event: 'node_finished',
    workflow_run_id: 'r',
    data: { id: '2', title: 'Draft the answer', node_type: 'llm', status: 'succeeded', elapsed_time: 2.5 },
  },
  {
    event: 'workflow_finished',
    workflow_run_id: 'r',
    data: {
      status: 'succeeded',
      outputs: { letter: 'Dear Mary,\n\nwe are **sorry** that the lamp reached you damaged.', category: 'refund' },
      error: null,
      files: [],
    },
  },
];

const IDS = { task_id: 't', message_id: 'm-new', conversation_id: 'v-1' };

export function siteWorld(): SiteWorld {
  return {
    site: SITE,
    visitorConversations: [
      { id: 'v-1', name: 'What does the inscription say?' },
      { id: 'v-2', name: '这幅画是谁画的？' },
      { id: 'v-3', name: 'How many figures stand on the frieze, and who are they?' },
    ],
    visitorMessages: [
      {
        id: 'm-1',
        query: 'What does the inscription say?',
        answer:
          'It names the founder of the sanctuary: *“Archandros dedicated this to the Nymphs.”*\n\n- **Archandros** stands on the right\n- the three figures beside him are the **Nymphs**',
        inputs: {},
        message_files: [{ id: 'f', filename: 'relief.png', type: 'image', url: '/ashlar.svg', belongs_to: 'user' }],
        agent_thoughts: [],
        feedback: { rating: 'like' },
        status: 'normal',
        error: null,
        extra_contents: [],
      },
    ],
    siteEvents: [
      { event: 'message', answer: 'The relief was cut about ', ...IDS },
      { event: 'message', answer: '**490 BC**, the inscription two generations later.', ...IDS },
      { event: 'message_end', metadata: {}, ...IDS },
    ],
  };
}

export function siteHandlers(world: SiteWorld, error: Refuse) {
  const stream = () =>
    new HttpResponse(world.siteEvents.map((event, n) => `id: ${n + 1}\ndata: ${JSON.stringify(event)}\n\n`).join(''), {
      headers: { 'Content-Type': 'text/event-stream' },
    });
  return [
    http.get('*/api/sites/:code', () =>
      world.site ? HttpResponse.json(world.site) : error(404, 'not_found', 'There is no app here.'),
    ),
    http.get('*/api/site/v1/conversations', () =>
      HttpResponse.json({ limit: 40, has_more: false, data: world.visitorConversations }),
    ),
    http.delete('*/api/site/v1/conversations/:id', ({ params }) => {
      world.visitorConversations = world.visitorConversations.filter((one) => one.id !== params.id);
      return new HttpResponse(null, { status: 204 });
    }),
    http.post('*/api/site/v1/conversations/:id/name', async ({ params, request }) => {
      const { name } = (await request.json()) as { name: string };
      world.visitorConversations = world.visitorConversations.map((one) =>
        one.id === params.id ? { ...one, name } : one,
      );
      return HttpResponse.json({ id: params.id, name });
    }),
    http.get('*/api/site/v1/messages', () =>
      HttpResponse.json({ limit: 20, has_more: false, data: world.visitorMessages }),
    ),
    http.get('*/api/site/v1/messages/:id/suggested', () =>
      HttpResponse.json({ result: 'success', data: ['Who cut it?', 'Where was it found?'] }),
    ),
    http.post('*/api/site/v1/messages/:id/feedbacks', () => HttpResponse.json({ result: 'success' })),
    http.post('*/api/site/v1/files/upload', () => HttpResponse.json({ id: 'f-1', name: 'a.png' }, { status: 201 })),
    // nobody answers the form that it waits for
    http.get('*/api/site/v1/workflow/:run/events', () => new HttpResponse(new ReadableStream())),
    http.post('*/api/site/v1/chat-messages', stream),
    http.post('*/api/site/v1/completion-messages', stream),
    http.post('*/api/site/v1/workflows/run', stream),
  ];
}
