import { queryOptions } from '@tanstack/react-query';
import { api, request, unwrap } from '@/lib/api/client';
import { ApiError, networkError } from '@/lib/api/errors';
import type { components } from '@/lib/api/schema';
import type { SentFile } from '@/lib/files';
import { readEvents } from '@/lib/sse';
import type { SiteEvent } from './answer';

export type OpenedSite = components['schemas']['OpenedSite'];

export const siteQuery = (code: string) =>
  queryOptions({
    queryKey: ['site', code],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/sites/{site_code}', { params: { path: { site_code: code } }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
  });

export interface Conversation {
  id: string;
  name: string;
}

interface HistoryFile {
  id: string;
  filename: string;
  type: string;
  url: string | null;
  belongs_to: 'user' | 'assistant';
}

export interface HistoryMessage {
  id: string;
  query: string;
  answer: string;
  inputs: Record<string, unknown>;
  message_files: HistoryFile[];
  agent_thoughts: { id: string; thought: string; tool: string; tool_input: string; observation: string }[];
  feedback: { rating: 'like' | 'dislike' } | null;
  status: 'normal' | 'error' | 'paused';
  error: string | null;
  extra_contents: {
    workflow_run_id: string;
    submitted: boolean;
    form_definition: { form_token: string | null; node_title: string };
  }[];
}

interface CursorPage<T> {
  data: T[];
  has_more: boolean;
}

/** The service API as a visitor of one app's page has it. */
export class SiteClient {
  readonly code: string;
  private readonly visitor: string;

  constructor(code: string, visitor: string) {
    this.code = code;
    this.visitor = visitor;
  }

  private send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('X-Site-Code', this.code);
    headers.set('X-Site-Visitor', this.visitor);
    return request(`/api/site/v1/${path}`, { ...init, headers });
  }

  private async json<T>(path: string, method: string, body?: unknown): Promise<T> {
    const response = await this.send(path, {
      method,
      ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  conversations = (lastId?: string) =>
    this.json<CursorPage<Conversation>>(`conversations?limit=40${lastId ? `&last_id=${lastId}` : ''}`, 'GET');

  rename = (id: string, name: string) => this.json<Conversation>(`conversations/${id}/name`, 'POST', { name });

  remove = (id: string) => this.json<void>(`conversations/${id}`, 'DELETE', {});

  messages = (conversation: string, firstId?: string) =>
    this.json<CursorPage<HistoryMessage>>(
      `messages?conversation_id=${conversation}&limit=20${firstId ? `&first_id=${firstId}` : ''}`,
      'GET',
    );

  suggested = async (message: string) =>
    (await this.json<{ data: string[] }>(`messages/${message}/suggested`, 'GET')).data;

  rate = (message: string, rating: 'like' | 'dislike' | null) =>
    this.json<void>(`messages/${message}/feedbacks`, 'POST', { rating });

  /** Gives the file's id. */
  upload = async (file: File): Promise<string> => {
    const body = new FormData();
    body.append('file', file);
    const response = await this.send('files/upload', { method: 'POST', body });
    return ((await response.json()) as { id: string }).id;
  };

  stop = (kind: AnswerKind, task: string) =>
    this.json<void>(kind === 'workflow' ? `workflows/tasks/${task}/stop` : `${ROUTES[kind]}/${task}/stop`, 'POST', {});

  /**
   * Asks, and gives what happens until the answer is complete. A connection that breaks is taken up where it broke; an answer that
   * waits for a person goes on once somebody has answered.
   */
  async *ask(kind: AnswerKind, question: Question, signal: AbortSignal): AsyncGenerator<SiteEvent> {
    const first = await this.send(kind === 'workflow' ? 'workflows/run' : ROUTES[kind], {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'X-Ashlar-Resume': 'true' },
      body: JSON.stringify({ ...question, response_mode: 'streaming' }),
      signal,
    });
    yield* this.read(kind, first, signal, {});
  }

  /** Goes on with an answer of an earlier visit that waits for a person. */
  async *goOn(kind: AnswerKind, runId: string, signal: AbortSignal): AsyncGenerator<SiteEvent> {
    yield* this.read(kind, await this.follow(kind, { runId, isPaused: true }, signal), signal, {
      runId,
      isPaused: true,
    });
  }

  private follow(kind: AnswerKind, { taskId, runId, isPaused, last }: Place, signal: AbortSignal): Promise<Response> {
    const path =
      runId && (kind === 'workflow' || isPaused)
        ? `workflow/${runId}/events?continue_on_pause=true`
        : `${ROUTES[kind === 'workflow' ? 'chat' : kind]}/${taskId}/events`;
    return this.send(path, { headers: last ? { 'Last-Event-ID': last } : {}, signal });
  }

  private async *read(kind: AnswerKind, first: Response, signal: AbortSignal, begun: Place): AsyncGenerator<SiteEvent> {
    const place: Place = { ...begun };
    let response = first;
    for (let breaks = 0; ; ) {
      let isOver = false;
      try {
        if (!response.body) throw networkError();
        for await (const { id, data } of readEvents(response.body)) {
          if (id) place.last = id;
          const event = JSON.parse(data) as SiteEvent;
          if (event.event === 'ping') continue;
          breaks = 0;
          if (event.task_id) place.taskId = event.task_id;
          if (event.workflow_run_id) place.runId = event.workflow_run_id;
          if (event.event === 'workflow_paused') place.isPaused = true;
          if (event.event === 'workflow_started') place.isPaused = false;
          isOver ||= ['message_end', 'workflow_finished', 'error'].includes(event.event);
          yield event;
        }
      } catch (error) {
        if (signal.aborted || error instanceof ApiError) throw error;
      }
      if (isOver) return;
      if (signal.aborted) throw signal.reason;
      breaks += 1;
      // an answer that waits for a person is waited for
      if (breaks > MAX_BREAKS && !place.isPaused) throw new ApiError(0, 'interrupted', '');
      if (!place.taskId && !place.runId) throw new ApiError(0, 'interrupted', '');
      await new Promise((resolve) => setTimeout(resolve, Math.min(400 * 2 ** breaks, 8000)));
      response = await this.follow(kind, place, signal).catch((error: unknown) => {
        // away for a while: the next round tries again
        if (error instanceof ApiError && error.status === 0 && breaks <= MAX_BREAKS) return new Response();
        throw error;
      });
    }
  }
}

const MAX_BREAKS = 6;
const ROUTES = { chat: 'chat-messages', completion: 'completion-messages' } as const;
export type AnswerKind = 'chat' | 'completion' | 'workflow';

interface Place {
  taskId?: string;
  runId?: string;
  isPaused?: boolean;
  /** Number of the last event. */
  last?: string;
}

export interface Question {
  query?: string;
  inputs: Record<string, unknown>;
  files?: SentFile[];
  conversation_id?: string;
}
