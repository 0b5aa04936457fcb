import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, request, unwrap } from '@/lib/api/client';
import { appQuery } from '@/lib/api/queries';
import type { App } from '@/lib/api/types';
import { saveText } from '@/lib/download';

const at = (appId: string) => ({ path: { app_id: appId } });

export const versionsQuery = (appId: string) =>
  infiniteQueryOptions({
    queryKey: ['versions', appId],
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/apps/{app_id}/versions', {
          params: { ...at(appId), query: { limit: 30, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor || undefined,
  });

/** Where a workflow begins by itself: webhooks and schedules, as the server keeps them. */
export const triggersQuery = (appId: string) =>
  queryOptions({
    queryKey: ['triggers', appId],
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET('/api/apps/{app_id}/triggers', { params: at(appId), signal }))).data,
  });

export function usePublish(appId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name?: string; note?: string }) =>
      unwrap(api.POST('/api/apps/{app_id}/publish', { params: at(appId), body })),
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: appQuery(appId).queryKey }),
        client.invalidateQueries({ queryKey: versionsQuery(appId).queryKey }),
        client.invalidateQueries({ queryKey: ['apps'] }),
        client.invalidateQueries({ queryKey: triggersQuery(appId).queryKey }),
      ]),
    meta: { silent: true },
  });
}

export function useRestore(appId: string) {
  return useMutation({
    mutationFn: (versionId: string) =>
      unwrap(
        api.POST('/api/apps/{app_id}/versions/{version_id}/restore', {
          params: { path: { app_id: appId, version_id: versionId } },
        }),
      ),
  });
}

export function useExportVersion(app: App) {
  return useMutation({
    mutationFn: async ({ id, number }: { id: string; number: number }) => {
      const response = await request(`/api/apps/${app.id}/export?version_id=${encodeURIComponent(id)}`);
      saveText(`${app.name} v${number}.yml`, await response.text(), 'application/yaml');
    },
  });
}
