import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import { appQuery } from '@/lib/api/queries';

const at = (appId: string) => ({ path: { app_id: appId } });

export const keysQuery = (appId: string) =>
  queryOptions({
    queryKey: ['keys', appId],
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET('/api/apps/{app_id}/keys', { params: at(appId), signal }))).data,
  });

export function useCreateKey(appId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) =>
      unwrap(api.POST('/api/apps/{app_id}/keys', { params: at(appId), body: name ? { name } : {} })),
    onSuccess: () => client.invalidateQueries({ queryKey: keysQuery(appId).queryKey }),
    meta: { silent: true },
  });
}

export function useRevokeKey(appId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (keyId: string) =>
      unwrap(api.DELETE('/api/apps/{app_id}/keys/{key_id}', { params: { path: { app_id: appId, key_id: keyId } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keysQuery(appId).queryKey }),
  });
}

export function useEnableApi(appId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (enable_api: boolean) =>
      unwrap(api.PATCH('/api/apps/{app_id}', { params: at(appId), body: { enable_api } })),
    onSuccess: (app) => client.setQueryData(appQuery(appId).queryKey, app),
  });
}
