import { useSuspenseQuery } from '@tanstack/react-query';
import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { z } from 'zod';
import { MonitoringPage } from '@/features/monitoring/monitoring-page';
import { appQuery, atLeast } from '@/lib/api/queries';
import { periodSearch } from '@/lib/period';
import { AppFrame } from '../-app-frame';

export const Route = createFileRoute('/_console/apps/$appId/monitoring')({
  validateSearch: z.object({ ...periodSearch, table: z.boolean().optional().catch(undefined) }),
  component: Monitoring,
});

function Monitoring() {
  const { appId } = Route.useParams();
  const { period = '7d', from, to, table = false } = Route.useSearch();
  const { session } = Route.useRouteContext();
  const { data: app } = useSuspenseQuery(appQuery(appId));
  const navigate = useNavigate({ from: Route.fullPath });
  return (
    <AppFrame app={app} canEdit={atLeast(session.workspace.role, 'editor')}>
      <MonitoringPage
        app={app}
        period={{ period: period === 'all' ? '90d' : period, from, to }}
        table={table}
        onChange={(change) =>
          void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false })
        }
      />
    </AppFrame>
  );
}
