import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import { modelsQuery } from '@/lib/api/queries';
import type { Provider, WriteProvider } from '@/lib/api/types';

export const providersQuery = queryOptions({
  queryKey: ['providers'],
  queryFn: async ({ signal }): Promise<Provider[]> =>
    (await unwrap(api.GET('/api/providers', { signal }))).data as Provider[],
});

function useChanged() {
  const client = useQueryClient();
  return () =>
    Promise.all([
      client.invalidateQueries({ queryKey: providersQuery.queryKey }),
      client.invalidateQueries({ queryKey: modelsQuery.queryKey }),
    ]);
}

export function useSaveProvider(id: string | undefined) {
  const changed = useChanged();
  return useMutation({
    mutationFn: (body: WriteProvider) =>
      id
        ? unwrap(api.PATCH('/api/providers/{provider_id}', { params: { path: { provider_id: id } }, body }))
        : unwrap(api.POST('/api/providers', { body })),
    onSuccess: changed,
    meta: { silent: true },
  });
}

export function useDeleteProvider() {
  const changed = useChanged();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE('/api/providers/{provider_id}', { params: { path: { provider_id: id } } })),
    onSuccess: changed,
  });
}

export function useTestProvider() {
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.POST('/api/providers/{provider_id}/test', { params: { path: { provider_id: id } } })),
  });
}
