// What every part of the console needs to know: who is signed in and which models there are.
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, setCsrfToken, unwrap } from './client';
import { ApiError } from './errors';
import type { AppMode, EngineStatus, Model, Role, Session, Template, ToolProvider } from './types';

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: ({ signal }) => unwrap(api.GET('/api/setup', { signal })),
  staleTime: 60_000,
});

/** The session, or null when nobody is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      const session = await unwrap(api.GET('/api/session', { signal }));
      setCsrfToken(session.csrf_token);
      return session;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 5 * 60_000,
});

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  queryFn: async ({ signal }): Promise<Model[]> => (await unwrap(api.GET('/api/models', { signal }))).data as Model[],
  staleTime: 15_000,
  // A model that is loading becomes ready by itself: look again until it is.
  refetchInterval: (query) => (query.state.data?.some((model) => model.status === 'loading') ? 1500 : false),
});

export const appQuery = (appId: string) =>
  queryOptions({
    queryKey: ['app', appId],
    queryFn: ({ signal }) => unwrap(api.GET('/api/apps/{app_id}', { params: { path: { app_id: appId } }, signal })),
  });

/** What of the apps is listed, and in which order. */
export interface AppsFilter {
  keyword?: string;
  mode?: AppMode;
  tag?: string;
  mine?: true;
  sort?: 'updated' | 'created' | 'name';
}

export const appsQuery = ({ sort = 'updated', ...filter }: AppsFilter) =>
  infiniteQueryOptions({
    queryKey: ['apps', { ...filter, sort }],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/apps', {
          params: {
            query: {
              limit: 30,
              sort,
              ...filter,
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor || undefined,
  });

export const templatesQuery = queryOptions({
  queryKey: ['templates'],
  queryFn: async ({ signal }): Promise<Template[]> => (await unwrap(api.GET('/api/templates', { signal }))).data,
  staleTime: Number.POSITIVE_INFINITY,
});

/** Every tool that apps can use, by provider. */
export const toolsQuery = queryOptions({
  queryKey: ['tools'],
  queryFn: async ({ signal }): Promise<ToolProvider[]> => (await unwrap(api.GET('/api/tools', { signal }))).data,
});

/** The engine's counters at this moment. */
export const engineQuery = queryOptions({
  queryKey: ['engine'],
  queryFn: ({ signal }): Promise<EngineStatus> => unwrap(api.GET('/api/engine', { signal })),
  staleTime: 0,
  retry: false,
});

const RANK: Record<Role, number> = { owner: 4, admin: 3, editor: 2, normal: 1, dataset_operator: 0 };

export const atLeast = (role: Role | undefined, needed: Role) => role !== undefined && RANK[role] >= RANK[needed];
