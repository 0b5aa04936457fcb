import { keepPreviousData, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import { modelsQuery } from '@/lib/api/queries';
import type { DefaultModels, Pull } from '@/lib/api/types';

export const pullsQuery = queryOptions({
  queryKey: ['model-pulls'],
  queryFn: async ({ signal }) => (await unwrap(api.GET('/api/model-pulls', { signal }))).data as Pull[],
  staleTime: 0,
  refetchInterval: (query) => (query.state.data?.some((pull) => pull.status === 'running') ? 700 : false),
});

export const workspaceQuery = queryOptions({
  queryKey: ['workspace'],
  queryFn: ({ signal }) => unwrap(api.GET('/api/workspace', { signal })),
});

export interface PlanRequest {
  model: string;
  file?: string;
  memory_bytes?: number;
  device?: 'cpu' | 'cuda';
}

export const planQuery = (plan: PlanRequest) =>
  queryOptions({
    queryKey: ['model-plan', plan],
    queryFn: ({ signal }) => unwrap(api.GET('/api/model-plan', { params: { query: { ...plan } }, signal })),
    enabled: plan.model.trim() !== '',
    retry: false,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  });

export function useSwitchModel() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, load }: { name: string; load: boolean }) =>
      load
        ? unwrap(api.POST('/api/models/local/{name}/load', { params: { path: { name } } }))
        : unwrap(api.POST('/api/models/local/{name}/unload', { params: { path: { name } } })),
    onSettled: () => client.invalidateQueries({ queryKey: modelsQuery.queryKey }),
  });
}

export function useDeleteModel() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => unwrap(api.DELETE('/api/models/local/{name}', { params: { path: { name } } })),
    onSettled: () => client.invalidateQueries({ queryKey: modelsQuery.queryKey }),
  });
}

export function usePull() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { model: string; files?: string[] }) => unwrap(api.POST('/api/model-pulls', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: pullsQuery.queryKey }),
    meta: { silent: true },
  });
}

export function useStopPull() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE('/api/model-pulls/{pull_id}', { params: { path: { pull_id: id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: pullsQuery.queryKey }),
  });
}

export function useSetDefaults() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (default_models: DefaultModels) => unwrap(api.PATCH('/api/workspace', { body: { default_models } })),
    onSuccess: (workspace) => {
      client.setQueryData(workspaceQuery.queryKey, workspace);
      return client.invalidateQueries({ queryKey: modelsQuery.queryKey });
    },
  });
}
