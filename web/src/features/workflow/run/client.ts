import { request } from '@/lib/api/client';
import { ApiError, networkError, toApiError } from '@/lib/api/errors';
import { readEvents } from '@/lib/sse';
import { type Data, record } from '../graph/types';
import type { RunEvent } from './state';

interface Call {
  path: string;
  /** None: the stream is only followed. */
  body?: Data;
  signal: AbortSignal;
  /** The number of the last event that is known. */
  after?: string;
}

/** The events of a run with their numbers; throws `ApiError` for refusals and for `error` events. */
export async function* streamRun({
  path,
  body,
  signal,
  after,
}: Call): AsyncGenerator<RunEvent & { id: string | null }> {
  const response = await request(path, {
    method: body ? 'POST' : 'GET',
    headers: {
      Accept: 'text/event-stream',
      'X-Ashlar-Resume': 'true',
      ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...(after ? { 'Last-Event-ID': after } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal,
  });
  if (!response.body) throw networkError();
  try {
    for await (const { data, id } of readEvents(response.body)) {
      const event = record(JSON.parse(data)) as unknown as RunEvent;
      if (event.event === 'error') throw toApiError(Number(event.status) || 500, event);
      yield { ...event, id };
    }
  } catch (error) {
    if (error instanceof ApiError || (error instanceof DOMException && error.name === 'AbortError')) throw error;
    throw new ApiError(0, 'interrupted', '');
  }
}

export const post = (path: string) => request(path, { method: 'POST' });
