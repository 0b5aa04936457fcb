import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import type { App } from '@/lib/api/types';
import { type LogSearch, messageFilter, runFilter } from './search';

type Schemas = components['schemas'];
export type LogConversation = Schemas['LogConversation'];
export type LogMessage = Schemas['LogMessage'];
export type RunSummary = Schemas['RunSummary'];

const of = (appId: string) => ({ app_id: appId });
const next = (page: { next_cursor?: string | null }) => page.next_cursor || undefined;

export const conversationsQuery = (appId: string, search: LogSearch) => {
  const filter = messageFilter(search);
  return infiniteQueryOptions({
    queryKey: ['logs', appId, 'conversations', filter],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/conversations', {
          params: { path: of(appId), query: { ...filter, limit: 30, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: next,
  });
};

export const messagesQuery = (appId: string, search: LogSearch) => {
  const filter = messageFilter(search);
  return infiniteQueryOptions({
    queryKey: ['logs', appId, 'messages', filter],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/messages', {
          params: { path: of(appId), query: { ...filter, limit: 30, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: next,
  });
};

export const runsQuery = (appId: string, search: LogSearch) => {
  const filter = runFilter(search);
  return infiniteQueryOptions({
    queryKey: ['logs', appId, 'runs', filter],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/runs', {
          params: { path: of(appId), query: { ...filter, limit: 30, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: next,
  });
};

export const conversationQuery = (appId: string, id: string) =>
  queryOptions({
    queryKey: ['logs', appId, 'conversation', id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/conversations/{conversation_id}', {
          params: { path: { ...of(appId), conversation_id: id } },
          signal,
        }),
      ),
  });

/** Newest first, as they are loaded: the reader sees the end of the conversation at once. */
export const conversationMessagesQuery = (appId: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ['logs', appId, 'conversation', id, 'messages'],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/messages', {
          params: { path: of(appId), query: { conversation_id: id, limit: 20, cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: next,
  });

export const messageQuery = (appId: string, id: string) =>
  queryOptions({
    queryKey: ['logs', appId, 'message', id],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/messages/{message_id}', {
          params: { path: { ...of(appId), message_id: id } },
          signal,
        }),
      ),
  });

export const runQuery = (appId: string, id: string) =>
  queryOptions({
    queryKey: ['logs', appId, 'run', id],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/apps/{app_id}/runs/{run_id}', { params: { path: { ...of(appId), run_id: id } }, signal })),
  });

export const runNodesQuery = (appId: string, id: string) =>
  queryOptions({
    queryKey: ['logs', appId, 'run', id, 'nodes'],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/runs/{run_id}/nodes', {
          params: { path: { ...of(appId), run_id: id }, query: { limit: 100 } },
          signal,
        }),
      ),
  });

/** What comes back replaces the message wherever it is shown. */
function useMessageChange<Body>(appId: string, change: (id: string, body: Body) => Promise<LogMessage>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, body }: { id: string; body: Body }) => change(id, body),
    onSuccess: () => client.invalidateQueries({ queryKey: ['logs', appId] }),
  });
}

export const useRate = (appId: string) =>
  useMessageChange(appId, (id, rating: 'like' | 'dislike' | null) =>
    unwrap(
      api.PUT('/api/apps/{app_id}/messages/{message_id}/feedback', {
        params: { path: { ...of(appId), message_id: id } },
        body: { rating },
      }),
    ),
  );

export const useAnnotate = (appId: string) =>
  useMessageChange(appId, (id, body: { question: string; answer: string }) =>
    unwrap(
      api.PUT('/api/apps/{app_id}/messages/{message_id}/annotation', {
        params: { path: { ...of(appId), message_id: id } },
        body,
      }),
    ),
  );

/** Where the browser finds all that the filters leave. */
export function exportUrl(app: App, search: LogSearch, format: 'csv' | 'jsonl'): string {
  const [what, filter] = app.mode === 'workflow' ? ['runs', runFilter(search)] : ['messages', messageFilter(search)];
  const query = new URLSearchParams({ format });
  for (const [name, value] of Object.entries(filter)) query.set(name, String(value));
  return `/api/apps/${app.id}/${what}/export?${query}`;
}
