import { request } from './client';

/** Questions that the model thinks come next, after an answer in a preview. */
export async function fetchFollowUps(appId: string, messageId: string, signal: AbortSignal): Promise<string[]> {
  const response = await request(`/api/apps/${appId}/preview/${messageId}/suggested-questions`, { signal });
  const body = (await response.json()) as { data: string[] };
  return body.data;
}
