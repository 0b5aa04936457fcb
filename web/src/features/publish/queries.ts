import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import { appQuery } from '@/lib/api/queries';
import type { components } from '@/lib/api/schema';
import type { App } from '@/lib/api/types';

export type Site = components['schemas']['Site'];
type UpdateApp = components['schemas']['UpdateApp'];

const of = (app: App) => ({ params: { path: { app_id: app.id } } });

export function useUpdate(app: App) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Partial<UpdateApp> & { site?: Partial<Site> }) =>
      unwrap(api.PATCH('/api/apps/{app_id}', { ...of(app), body: body as UpdateApp })),
    onSuccess: (changed) => client.setQueryData(appQuery(app.id).queryKey, changed),
  });
}

/** Gives the page or the MCP server another address. */
export function useRenew(app: App, what: 'site' | 'mcp') {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      unwrap(
        what === 'site'
          ? api.POST('/api/apps/{app_id}/site/renew', of(app))
          : api.POST('/api/apps/{app_id}/mcp/renew', of(app)),
      ),
    onSuccess: (changed) => client.setQueryData(appQuery(app.id).queryKey, changed),
  });
}
