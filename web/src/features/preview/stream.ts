import { request } from '@/lib/api/client';
import { ApiError, networkError, toApiError } from '@/lib/api/errors';
import type { SentFile } from '@/lib/files';
import { readEvents } from '@/lib/sse';

export interface PreviewBody {
  query?: string;
  inputs: Record<string, unknown>;
  files: SentFile[];
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

/** One round of an agent; sent again as it fills up. */
export interface Thought {
  id: string;
  position: number;
  thought: string;
  /** Names, joined with `;`; empty in the round that answers */
  tool: string;
  tool_labels: Record<string, { en_US?: string }>;
  /** JSON text: arguments by tool */
  tool_input: string;
  /** JSON text: what came back, by tool; empty until it has */
  observation: string;
}

const parsed = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};
const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/** The calls of a round; `observation` is null while the tool works. */
export function toolCalls({ tool, tool_labels, tool_input, observation }: Thought) {
  const [inputs, outputs] = [parsed(tool_input), parsed(observation)];
  return tool.split(';').map((name) => ({
    name,
    label: tool_labels[name]?.en_US || name,
    input: shown(inputs[name] ?? {}),
    observation: observation === '' ? null : shown(outputs[name] ?? observation),
  }));
}

/** The events of a chat, agent or completion app that the preview shows. */
export type PreviewEvent = { conversation_id?: string; message_id?: string; task_id?: string } & (
  | { event: 'message'; answer: string }
  | { event: 'agent_message'; answer: string }
  | ({ event: 'agent_thought' } & Thought)
  | { event: 'message_file'; type: string; url: string; belongs_to: string }
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
