import { request } from '@/lib/api/client';
import { ApiError, networkError, toApiError } from '@/lib/api/errors';
import { readEvents } from '@/lib/sse';

/** A picture as the API takes it. */
export type InputFile =
  | { type: 'image'; transfer_method: 'local_file'; upload_file_id: string }
  | { type: 'image'; transfer_method: 'remote_url'; url: string };

export interface PreviewBody {
  query?: string;
  inputs: Record<string, unknown>;
  files: InputFile[];
  conversation_id?: string;
  config: Record<string, unknown>;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  latency: number;
  time_to_first_token: number | null;
}

/** The events of a chat or completion app that the preview shows. */
export type PreviewEvent = { conversation_id?: string; message_id?: string; task_id?: string } & (
  | { event: 'message'; answer: string }
  | { event: 'message_replace'; answer: string }
  | { event: 'message_end'; metadata?: { usage?: Usage | null; annotation_reply?: unknown } }
);

/** Runs the draft; throws `ApiError` for refusals before the stream and for `error` events inside it. */
export async function* runPreview(appId: string, body: PreviewBody, signal: AbortSignal): AsyncGenerator<PreviewEvent> {
  const response = await request(`/api/apps/${appId}/preview`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.body) throw networkError();
  let finished = false;
  try {
    for await (const { data } of readEvents(response.body)) {
      const event = JSON.parse(data) as PreviewEvent | { event: 'error'; status?: number };
      if (event.event === 'error') throw toApiError(event.status ?? 500, event);
      if (event.event === 'message_end') finished = true;
      yield event;
    }
  } catch (error) {
    if (error instanceof ApiError || (error instanceof DOMException && error.name === 'AbortError')) throw error;
    throw new ApiError(0, 'interrupted', '');
  }
  if (!finished) throw new ApiError(0, 'interrupted', '');
}

export const stopPreview = (appId: string, taskId: string) =>
  request(`/api/apps/${appId}/preview/${taskId}/stop`, { method: 'POST' });

export async function fetchFollowUps(appId: string, messageId: string, signal: AbortSignal): Promise<string[]> {
  const response = await request(`/api/apps/${appId}/preview/${messageId}/suggested-questions`, { signal });
  const body = (await response.json()) as { data: string[] };
  return body.data;
}
