import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { useCallback } from 'react';
import { z } from 'zod';
import { AppsPage } from '@/features/apps/apps-page';
import { Tour, TourBanner } from '@/features/tour/tour';
import { type AppsFilter, appsQuery, atLeast } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/apps/')({
  validateSearch: z.object({
    keyword: z.string().optional().catch(undefined),
    mode: z.enum(['chat', 'completion', 'agent-chat', 'advanced-chat', 'workflow']).optional().catch(undefined),
    tag: z.string().optional().catch(undefined),
    mine: z.literal(true).optional().catch(undefined),
    sort: z.enum(['updated', 'created', 'name']).optional().catch(undefined),
    /** The step of the tour that is shown */
    tour: z.number().int().min(1).optional().catch(undefined),
  }),
  loaderDeps: ({ search: { tour: _, ...filter } }) => filter,
  loader: ({ context, deps }) => void context.queryClient.prefetchInfiniteQuery(appsQuery(clean(deps))),
  component: Apps,
});

const clean = (search: { [K in keyof AppsFilter]: AppsFilter[K] | undefined }) =>
  Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== '')) as AppsFilter;

function Apps() {
  const { session } = Route.useRouteContext();
  const { tour, ...search } = Route.useSearch();
  const navigate = useNavigate();
  const onFilter = useCallback(
    (filter: AppsFilter) => void navigate({ to: '/apps', search: filter, replace: true }),
    [navigate],
  );
  const { role } = session.workspace;
  const canEdit = atLeast(role, 'editor');
  const filter = clean(search);
  const step = (next?: number) =>
    void navigate({ to: '/apps', search: next ? { ...filter, tour: next } : filter, replace: true });
  return (
    <>
      <AppsPage
        filter={filter}
        onFilter={onFilter}
        canEdit={canEdit}
        onOpen={(app) => void navigate({ to: '/apps/$appId', params: { appId: app.id } })}
        welcome={canEdit && <TourBanner onStart={() => step(1)} />}
      />
      {tour !== undefined && <Tour step={tour} onStep={step} onClose={() => step()} admin={atLeast(role, 'admin')} />}
    </>
  );
}
