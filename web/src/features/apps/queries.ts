import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, request, unwrap } from '@/lib/api/client';
import { appQuery } from '@/lib/api/queries';
import type { App, AppMode, ModelRef } from '@/lib/api/types';
import { saveText } from '@/lib/download';

export interface AppInfo {
  name: string;
  description: string;
  icon: string;
  icon_background: string;
}

export const tagsQuery = queryOptions({
  queryKey: ['tags'],
  queryFn: async ({ signal }) => (await unwrap(api.GET('/api/tags', { signal }))).data,
});

function useChanged() {
  const client = useQueryClient();
  return (app?: App | null) => {
    if (app) client.setQueryData(appQuery(app.id).queryKey, app);
    return client.invalidateQueries({ queryKey: ['apps'] });
  };
}

export function useCreateApp() {
  const changed = useChanged();
  return useMutation({
    mutationFn: (body: AppInfo & { mode: AppMode }) =>
      unwrap(api.POST('/api/apps', { body: { ...body, icon_type: 'emoji' } })),
    onSuccess: changed,
    meta: { silent: true },
  });
}

export function useUpdateApp(appId: string) {
  const changed = useChanged();
  return useMutation({
    mutationFn: (body: AppInfo & { icon_type: 'emoji' | 'image' | 'link' }) =>
      unwrap(api.PATCH('/api/apps/{app_id}', { params: { path: { app_id: appId } }, body })),
    onSuccess: changed,
    meta: { silent: true },
  });
}

export function useSetTags(appId: string) {
  const client = useQueryClient();
  const changed = useChanged();
  return useMutation({
    mutationFn: (tags: string[]) =>
      unwrap(api.PATCH('/api/apps/{app_id}', { params: { path: { app_id: appId } }, body: { tags } })),
    onSuccess: (app) => Promise.all([changed(app), client.invalidateQueries({ queryKey: tagsQuery.queryKey })]),
    meta: { silent: true },
  });
}

export function useDuplicateApp() {
  const changed = useChanged();
  return useMutation({
    mutationFn: ({ id, name }: { id: string; name: string }) =>
      unwrap(api.POST('/api/apps/{app_id}/duplicate', { params: { path: { app_id: id } }, body: { name } })),
    onSuccess: changed,
  });
}

export function useDeleteApp() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE('/api/apps/{app_id}', { params: { path: { app_id: id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['apps'] }),
  });
}

export function useImportApp() {
  const changed = useChanged();
  return useMutation({
    mutationFn: (source: { yaml: string } | { url: string }) => unwrap(api.POST('/api/apps/import', { body: source })),
    onSuccess: (result) => changed(result.app),
    meta: { silent: true },
  });
}

export function useConfirmImport() {
  const changed = useChanged();
  return useMutation({
    mutationFn: (importId: string) =>
      unwrap(api.POST('/api/apps/import/{import_id}/confirm', { params: { path: { import_id: importId } } })),
    onSuccess: (result) => changed(result.app),
    meta: { silent: true },
  });
}

/** Lets other models run in place of those that the app names. */
export function useMapModel(appId: string) {
  const changed = useChanged();
  return useMutation({
    mutationFn: (mapping: { from: ModelRef; to: ModelRef }) =>
      unwrap(
        api.POST('/api/apps/{app_id}/draft/map-models', {
          params: { path: { app_id: appId } },
          body: { mappings: [mapping], remember: true },
        }),
      ),
    onSuccess: (result) => changed(result.app),
  });
}

export function useExportApp() {
  return useMutation({
    mutationFn: async ({ id, name }: { id: string; name: string }) => {
      const response = await request(`/api/apps/${id}/export`);
      saveText(`${name}.yml`, await response.text(), 'application/yaml');
    },
  });
}
