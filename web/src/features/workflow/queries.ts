import { infiniteQueryOptions, type QueryClient, queryOptions } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

type Schemas = components['schemas'];
export type ToolInfo = Schemas['ToolInfo'];
export type ToolParameter = Schemas['Parameter'];
export type DraftVariable = Schemas['DraftVariable'];

const at = (appId: string) => ({ path: { app_id: appId } });

export const draftVariablesQuery = (appId: string) =>
  queryOptions({
    queryKey: ['draft-variables', appId],
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET('/api/apps/{app_id}/draft/variables', { params: at(appId), signal }))).data,
    staleTime: 0,
  });

/** What a node of the draft reads, after `flush` has saved what is not saved yet. */
export const nodeVariablesQuery = (appId: string, nodeId: string, flush: () => Promise<boolean>) =>
  queryOptions({
    queryKey: ['node-variables', appId, nodeId],
    queryFn: async ({ signal }) => {
      await flush();
      return (
        await unwrap(
          api.GET('/api/apps/{app_id}/draft/nodes/{node_id}/variables', {
            params: { path: { app_id: appId, node_id: nodeId } },
            signal,
          }),
        )
      ).data;
    },
    staleTime: 0,
    gcTime: 0,
  });

export const lastRunQuery = (appId: string, nodeId: string) =>
  queryOptions({
    queryKey: ['last-run', appId, nodeId],
    queryFn: async ({ signal }) => {
      const answer = await api.GET('/api/apps/{app_id}/draft/nodes/{node_id}/last-run', {
        params: { path: { app_id: appId, node_id: nodeId } },
        signal,
      });
      return answer.response.status === 404 ? null : unwrap(Promise.resolve(answer));
    },
    staleTime: 0,
  });

export interface RunFilter {
  status?: string;
  triggered_from?: string;
}

export const runsQuery = (appId: string, filter: RunFilter) =>
  infiniteQueryOptions({
    queryKey: ['runs', appId, filter],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/runs', {
          params: {
            ...at(appId),
            query: {
              limit: 30,
              ...(filter.status ? { status: filter.status } : {}),
              ...(filter.triggered_from ? { triggered_from: filter.triggered_from } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor || undefined,
    staleTime: 0,
  });

export const runQuery = (appId: string, runId: string) =>
  queryOptions({
    queryKey: ['run', appId, runId],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/runs/{run_id}', { params: { path: { app_id: appId, run_id: runId } }, signal }),
      ),
  });

/** All nodes of a run with their values; pages may end early where values are large. */
export const runNodesQuery = (appId: string, runId: string) =>
  queryOptions({
    queryKey: ['run-nodes', appId, runId],
    queryFn: async ({ signal }) => {
      const nodes: Schemas['NodeRun'][] = [];
      let cursor: string | undefined;
      do {
        const page: Schemas['List_NodeRun'] = await unwrap(
          api.GET('/api/apps/{app_id}/runs/{run_id}/nodes', {
            params: {
              path: { app_id: appId, run_id: runId },
              query: { values: true, limit: 100, ...(cursor ? { cursor } : {}) },
            },
            signal,
          }),
        );
        nodes.push(...page.data);
        cursor = page.next_cursor ?? undefined;
      } while (cursor && nodes.length < 2000);
      return nodes;
    },
  });

export const diffQuery = (appId: string, from: string, to: string) =>
  queryOptions({
    queryKey: ['version-diff', appId, from, to],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/versions/{version_id}/diff/{other}', {
          params: { path: { app_id: appId, version_id: from, other: to } },
          signal,
        }),
      ),
    staleTime: 0,
  });

/** What a run or a try left behind is looked at anew. */
export function forgetValues(client: QueryClient, appId: string) {
  for (const key of ['draft-variables', 'node-variables', 'last-run', 'runs']) {
    void client.invalidateQueries({ queryKey: [key, appId] });
  }
}
