// A made-up form of a workflow, as whoever has its link sees it.
import { HttpResponse, http } from 'msw';
import type { components } from '@/lib/api/schema';

type Schemas = components['schemas'];
export type LinkedForm = Schemas['LinkedForm'];
type FormInput = Schemas['FormInput'];

const NOW = Date.now();
const ahead = (minutes: number) => new Date(NOW + minutes * 60_000).toISOString();

const input = (patch: Partial<FormInput> & Pick<FormInput, 'name' | 'type'>): FormInput => ({
  default: null,
  options: [],
  files: null,
  ...patch,
});

const CONTENT = `## Refund of €184.00 for order 20419

| Item | Reason |
| --- | --- |
| Desk lamp, brass | Arrived with a cracked shade |

The draft below goes to **Mary Somerville**. Change what you like:`;

const REPLY = `Dear Mary,

I'm sorry that the lamp reached you damaged. We are sending the refund today; please keep the lamp, or recycle it.

Kind regards
Charles`;

export const WAITING: LinkedForm = {
  standing: 'waiting',
  title: 'Check the refund',
  app: { name: 'Support triage', icon_type: 'emoji', icon: '📮', icon_background: '#FBE4D0' },
  expires_at: ahead(36 * 60),
  questions: {
    content: [
      { type: 'text', text: CONTENT },
      { type: 'input', name: 'reply' },
      { type: 'text', text: 'Which account pays?' },
      { type: 'input', name: 'account' },
      { type: 'text', text: 'Attach the approval of your manager, and pictures of the damage if there are any.' },
      { type: 'input', name: 'approval' },
      { type: 'input', name: 'pictures_of_the_damage' },
    ],
    inputs: [
      input({ name: 'reply', type: 'paragraph', default: REPLY }),
      input({ name: 'account', type: 'select', options: ['Goodwill', 'Returns', 'Shipping damage'] }),
      input({
        name: 'approval',
        type: 'file',
        files: { extensions: ['pdf', 'docx'], methods: ['local_file'], number_limit: 1, max_mb: 15 },
      }),
      input({
        name: 'pictures_of_the_damage',
        type: 'file-list',
        files: {
          extensions: ['jpg', 'jpeg', 'png', 'webp', 'gif', 'svg'],
          methods: ['local_file', 'remote_url'],
          number_limit: 3,
          max_mb: 10,
        },
      }),
    ],
    actions: [
      { id: 'approve', title: 'Approve and send', button_style: 'primary' },
      { id: 'shorter', title: 'Write it shorter', button_style: 'accent' },
      { id: 'reject', title: 'Reject', button_style: 'default' },
      { id: 'later', title: 'Not mine', button_style: 'ghost' },
    ],
  },
  answer: null,
};

const settled = (patch: Partial<LinkedForm>): LinkedForm => ({ ...WAITING, questions: null, ...patch });

export const SENT = settled({
  standing: 'answered',
  answer: {
    action: 'Approve and send',
    answered_at: ahead(-3),
    is_yours: true,
    content: `${CONTENT}\n\n${REPLY}\n\nWhich account pays?\n\nReturns\n\n[approval.pdf](/files/1/approval.pdf)`,
  },
});
export const TAKEN = settled({
  standing: 'answered',
  answer: { action: 'Reject', answered_at: ahead(-90), is_yours: false, content: null },
});
export const EXPIRED = settled({ standing: 'expired', expires_at: ahead(-200) });
export const ENDED = settled({ standing: 'run_ended' });

/** `world.form` is what every link leads to; none: the link leads nowhere. */
export function formHandlers(
  world: { form: LinkedForm | null },
  error: (status: number, code: string, message: string) => Response,
) {
  const missing = () => error(404, 'not_found', 'There is no form here.');
  return [
    http.get('*/api/forms/:token', () => (world.form ? HttpResponse.json(world.form) : missing())),
    http.post('*/api/forms/:token', async ({ request }) => {
      if (!world.form) return missing();
      if (world.form.standing !== 'waiting') return error(412, 'human_input_form_submitted', 'Submitted already.');
      const { action } = (await request.json()) as { action: string };
      const chosen = world.form.questions?.actions.find((one) => one.id === action);
      world.form = { ...SENT, ...(SENT.answer && chosen ? { answer: { ...SENT.answer, action: chosen.title } } : {}) };
      return HttpResponse.json(world.form);
    }),
    http.post('*/api/forms/:token/files', () =>
      world.form?.standing === 'waiting'
        ? HttpResponse.json({ id: 'f-1', name: 'approval.pdf', size: 48_213, type: 'document' }, { status: 201 })
        : error(412, 'human_input_form_submitted', 'Submitted already.'),
    ),
  ];
}
