import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import { appQuery } from '@/lib/api/queries';

const at = (appId: string) => ({ path: { app_id: appId } });

export const annotationsQuery = (appId: string) =>
  queryOptions({
    queryKey: ['annotations', appId],
    queryFn: async ({ signal }) =>
      (
        await unwrap(
          api.GET('/api/apps/{app_id}/annotations', { params: { ...at(appId), query: { limit: 100 } }, signal }),
        )
      ).data,
  });

export function useSaveAnnotation(appId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, ...body }: { id?: string; question: string; answer: string }) =>
      id
        ? unwrap(
            api.PUT('/api/apps/{app_id}/annotations/{annotation_id}', {
              params: { path: { app_id: appId, annotation_id: id } },
              body,
            }),
          )
        : unwrap(api.POST('/api/apps/{app_id}/annotations', { params: at(appId), body })),
    onSuccess: () => client.invalidateQueries({ queryKey: annotationsQuery(appId).queryKey }),
    meta: { silent: true },
  });
}

export function useDeleteAnnotation(appId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(
        api.DELETE('/api/apps/{app_id}/annotations/{annotation_id}', {
          params: { path: { app_id: appId, annotation_id: id } },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: annotationsQuery(appId).queryKey }),
  });
}

export function useAnnotationReply(appId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { enabled: boolean; score_threshold?: number }) =>
      unwrap(api.PUT('/api/apps/{app_id}/annotation-reply', { params: at(appId), body })),
    onSuccess: () => client.invalidateQueries({ queryKey: appQuery(appId).queryKey }),
  });
}
