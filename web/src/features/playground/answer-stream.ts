import { request } from '@/lib/api/client';
import { ApiError, networkError, toApiError } from '@/lib/api/errors';
import { readEvents } from '@/lib/sse';

export type Content = string | ({ type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } })[];

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: Content;
}

export interface Question {
  model: string;
  messages: Message[];
  params: Record<string, unknown>;
}

/** What an answer took, as it was seen from here. */
export interface Measured {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  /** Seconds until the first word */
  firstToken: number | null;
  /** Seconds for all of it */
  total: number;
  finishReason: string | null;
}

interface Chunk {
  error?: unknown;
  choices?: { delta?: { content?: string }; finish_reason?: string | null }[];
  usage?: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details?: { cached_tokens?: number };
  } | null;
}

/** Tokens a second from the first to the last; null when there are too few to say. */
export function tokensPerSecond({ completionTokens, firstToken, total }: Measured): number | null {
  if (firstToken === null || completionTokens < 2) return null;
  const writing = total - firstToken;
  return writing > 0.01 ? (completionTokens - 1) / writing : null;
}

/** Asks one model; `onText` gets all that has come so far. Throws `ApiError`, also for errors inside the stream. */
export async function streamAnswer(
  { model, messages, params }: Question,
  onText: (text: string) => void,
  signal: AbortSignal,
  now: () => number = () => performance.now(),
): Promise<Measured> {
  const began = now();
  const response = await request('/api/playground/chat/completions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream' },
    body: JSON.stringify({ ...params, model, messages, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!response.body) throw networkError();
  const measured: Measured = {
    promptTokens: 0,
    completionTokens: 0,
    cachedTokens: 0,
    firstToken: null,
    total: 0,
    finishReason: null,
  };
  let text = '';
  let whole = false;
  try {
    for await (const { data } of readEvents(response.body)) {
      if (data === '[DONE]') {
        whole = true;
        break;
      }
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error) throw toApiError(500, chunk);
      const choice = chunk.choices?.[0];
      if (choice?.delta?.content) {
        measured.firstToken ??= (now() - began) / 1000;
        text += choice.delta.content;
        onText(text);
      }
      if (choice?.finish_reason) {
        measured.finishReason = choice.finish_reason;
        measured.total = (now() - began) / 1000;
      }
      if (chunk.usage) {
        measured.promptTokens = chunk.usage.prompt_tokens;
        measured.completionTokens = chunk.usage.completion_tokens;
        measured.cachedTokens = chunk.usage.prompt_tokens_details?.cached_tokens ?? 0;
      }
    }
  } catch (error) {
    if (error instanceof ApiError || (error instanceof DOMException && error.name === 'AbortError')) throw error;
    throw new ApiError(0, 'interrupted', '');
  }
  if (!whole) throw new ApiError(0, 'interrupted', '');
  measured.total ||= (now() - began) / 1000;
  return measured;
}
