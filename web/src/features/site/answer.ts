import type { HistoryMessage } from './api';

interface Thought {
  id: string;
  text: string;
  tool: string;
  input: string;
  observation: string;
}

interface Step {
  id: string;
  title: string;
  type: string;
  status: 'running' | 'succeeded' | 'failed' | 'exception' | 'stopped';
  elapsed: number | null;
}

interface AnswerFile {
  type: string;
  url: string;
  name: string;
}

/** A question to a person that the answer waits for. */
interface OpenForm {
  token: string;
  title: string;
}

/** An answer as far as it has come. */
export interface AnswerState {
  text: string;
  status: 'waiting' | 'streaming' | 'paused' | 'done' | 'stopped' | 'failed';
  thoughts: Thought[];
  steps: Step[];
  forms: OpenForm[];
  files: AnswerFile[];
  /** Of workflows. */
  outputs: Record<string, unknown> | null;
  taskId?: string;
  messageId?: string;
  conversationId?: string;
  runId?: string;
  /** Words of a failure. */
  error?: { code: string; message: string; status: number };
}

export const WAITING: AnswerState = {
  text: '',
  status: 'waiting',
  thoughts: [],
  steps: [],
  forms: [],
  files: [],
  outputs: null,
};

interface NodeData {
  id: string;
  title: string;
  node_type: string;
  status?: string;
  elapsed_time?: number;
  iteration_id?: string | null;
  loop_id?: string | null;
}

interface FileValue {
  type?: string;
  url?: string;
  remote_url?: string;
  filename?: string;
}

/** The events of the service API that the page shows; others change nothing. */
export type SiteEvent = {
  task_id?: string;
  message_id?: string;
  conversation_id?: string;
  workflow_run_id?: string;
} & (
  | { event: 'ping' | 'workflow_started' }
  | { event: 'message' | 'agent_message' | 'message_replace'; answer: string }
  | { event: 'agent_thought'; id: string; thought: string; tool: string; tool_input: string; observation: string }
  | { event: 'message_file'; type: string; url: string; belongs_to: string }
  | { event: 'message_end'; files?: FileValue[] }
  | { event: 'text_chunk' | 'text_replace'; data: { text: string } }
  | { event: 'node_started' | 'node_finished'; data: NodeData }
  | { event: 'human_input_required'; data: { form_token: string | null; node_title: string; node_id: string } }
  | { event: 'human_input_form_filled' | 'human_input_form_timeout'; data: { node_id: string; node_title: string } }
  | { event: 'workflow_paused'; data: { reasons?: { form_token?: string | null; node_title?: string }[] } }
  | {
      event: 'workflow_finished';
      data: { status: string; outputs: Record<string, unknown> | null; error: string | null; files?: FileValue[] };
    }
  | { event: 'error'; status?: number; code?: string; message?: string }
);

const fileOf = (file: FileValue): AnswerFile => ({
  type: file.type ?? 'custom',
  url: file.url || file.remote_url || '',
  name: file.filename ?? '',
});

/** The answer after one more event. */
export function answered(state: AnswerState, event: SiteEvent): AnswerState {
  const next: AnswerState = {
    ...state,
    ...(event.task_id ? { taskId: event.task_id } : {}),
    ...(event.message_id ? { messageId: event.message_id } : {}),
    ...(event.conversation_id ? { conversationId: event.conversation_id } : {}),
    ...(event.workflow_run_id ? { runId: event.workflow_run_id } : {}),
  };
  switch (event.event) {
    case 'message':
    case 'agent_message':
      return { ...next, text: next.text + event.answer, status: 'streaming' };
    case 'message_replace':
      return { ...next, text: event.answer, status: 'streaming' };
    case 'text_chunk':
      return { ...next, text: next.text + event.data.text, status: 'streaming' };
    case 'text_replace':
      return { ...next, text: event.data.text, status: 'streaming' };
    case 'agent_thought': {
      const thought: Thought = {
        id: event.id,
        text: event.thought,
        tool: event.tool,
        input: event.tool_input,
        observation: event.observation,
      };
      const known = next.thoughts.some((one) => one.id === event.id);
      const thoughts = known
        ? next.thoughts.map((one) => (one.id === event.id ? thought : one))
        : [...next.thoughts, thought];
      return { ...next, thoughts };
    }
    case 'message_file':
      return event.belongs_to === 'assistant'
        ? { ...next, files: [...next.files, { type: event.type, url: event.url, name: '' }] }
        : next;
    case 'message_end':
      return { ...next, status: 'done', forms: [], files: [...next.files, ...(event.files ?? []).map(fileOf)] };
    case 'workflow_started':
      return { ...next, status: next.text ? 'streaming' : 'waiting' };
    case 'node_started': {
      const { id, title, node_type: type } = event.data;
      if (event.data.iteration_id || event.data.loop_id || next.steps.some((step) => step.id === id)) return next;
      return { ...next, steps: [...next.steps, { id, title, type, status: 'running', elapsed: null }] };
    }
    case 'node_finished': {
      const { id, status, elapsed_time } = event.data;
      const steps = next.steps.map((step) =>
        step.id === id
          ? { ...step, status: (status ?? 'succeeded') as Step['status'], elapsed: elapsed_time ?? null }
          : step,
      );
      return { ...next, steps };
    }
    case 'human_input_required': {
      const { form_token: token, node_title: title } = event.data;
      if (!token || next.forms.some((form) => form.token === token)) return next;
      return { ...next, forms: [...next.forms, { token, title }] };
    }
    case 'human_input_form_filled':
    case 'human_input_form_timeout':
      return { ...next, forms: next.forms.filter((form) => form.title !== event.data.node_title) };
    case 'workflow_paused': {
      const told = (event.data.reasons ?? []).flatMap(({ form_token: token, node_title: title = '' }) =>
        token ? [{ token, title }] : [],
      );
      return { ...next, status: 'paused', forms: told.length > 0 ? told : next.forms };
    }
    case 'workflow_finished': {
      const { status, outputs, error, files = [] } = event.data;
      const ended = { ...next, forms: [], outputs, files: [...next.files, ...files.map(fileOf)] };
      if (status === 'failed')
        return { ...ended, status: 'failed', error: { code: 'run_failed', message: error ?? '', status: 400 } };
      // a chatflow's files came with its message
      return {
        ...ended,
        status: status === 'stopped' ? 'stopped' : 'done',
        files: next.status === 'done' ? next.files : ended.files,
      };
    }
    case 'error':
      return {
        ...next,
        status: 'failed',
        error: { code: event.code ?? 'unknown', message: event.message ?? '', status: event.status ?? 500 },
      };
    default:
      return next;
  }
}

/** A message of an earlier visit. */
export function ofHistory(message: HistoryMessage): AnswerState {
  const open = message.extra_contents.filter((content) => !content.submitted);
  return {
    ...WAITING,
    text: message.answer,
    status: message.status === 'error' ? 'failed' : message.status === 'paused' ? 'paused' : 'done',
    messageId: message.id,
    thoughts: message.agent_thoughts.map((thought) => ({
      id: thought.id,
      text: thought.thought,
      tool: thought.tool,
      input: thought.tool_input,
      observation: thought.observation,
    })),
    files: message.message_files
      .filter((file) => file.belongs_to === 'assistant' && file.url)
      .map((file) => ({ type: file.type, url: file.url ?? '', name: file.filename })),
    forms:
      message.status === 'paused'
        ? open.flatMap(({ form_definition: form }) =>
            form.form_token ? [{ token: form.form_token, title: form.node_title }] : [],
          )
        : [],
    ...(open[0] ? { runId: open[0].workflow_run_id } : {}),
    ...(message.error ? { error: { code: 'completion_request_error', message: message.error, status: 400 } } : {}),
  };
}
