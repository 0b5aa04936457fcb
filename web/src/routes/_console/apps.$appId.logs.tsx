import { useSuspenseQuery } from '@tanstack/react-query';
import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { Lock } from 'lucide-react';
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '@/components/states';
import { LogsPage } from '@/features/logs/logs-page';
import { type LogSearch, logSearch } from '@/features/logs/search';
import { appQuery, atLeast } from '@/lib/api/queries';
import { AppFrame } from '../-app-frame';

export const Route = createFileRoute('/_console/apps/$appId/logs')({
  validateSearch: logSearch,
  component: Logs,
});

function Logs() {
  const { t } = useTranslation();
  const { appId } = Route.useParams();
  const search = Route.useSearch();
  const { session } = Route.useRouteContext();
  const { data: app } = useSuspenseQuery(appQuery(appId));
  const navigate = useNavigate({ from: Route.fullPath });
  const canEdit = atLeast(session.workspace.role, 'editor');
  const onSearch = useCallback(
    (change: Partial<LogSearch>) =>
      void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false }),
    [navigate],
  );
  return (
    <AppFrame app={app} canEdit={canEdit}>
      {canEdit ? (
        <LogsPage app={app} search={search} onSearch={onSearch} />
      ) : (
        <EmptyState icon={<Lock />} title={t('logs.noAccess')} text={t('logs.noAccessText')} className="pt-[20vh]" />
      )}
    </AppFrame>
  );
}
