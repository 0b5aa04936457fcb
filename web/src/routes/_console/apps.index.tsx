import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { useCallback } from 'react';
import { z } from 'zod';
import { type AppsFilter, AppsPage } from '@/features/apps/apps-page';
import { appsQuery, atLeast } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/apps/')({
  validateSearch: z.object({
    keyword: z.string().optional().catch(undefined),
    mode: z.enum(['chat', 'completion', 'agent-chat', 'advanced-chat', 'workflow']).optional().catch(undefined),
  }),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => void context.queryClient.prefetchInfiniteQuery(appsQuery(clean(deps))),
  component: Apps,
});

const clean = ({
  keyword,
  mode,
}: {
  keyword?: string | undefined;
  mode?: AppsFilter['mode'] | undefined;
}): AppsFilter => ({
  ...(keyword ? { keyword } : {}),
  ...(mode ? { mode } : {}),
});

function Apps() {
  const { session } = Route.useRouteContext();
  const search = Route.useSearch();
  const navigate = useNavigate();
  const onFilter = useCallback(
    (filter: AppsFilter) => void navigate({ to: '/apps', search: filter, replace: true }),
    [navigate],
  );
  return (
    <AppsPage
      filter={clean(search)}
      onFilter={onFilter}
      canEdit={atLeast(session.workspace.role, 'editor')}
      onOpen={(app) => void navigate({ to: '/apps/$appId', params: { appId: app.id } })}
    />
  );
}
