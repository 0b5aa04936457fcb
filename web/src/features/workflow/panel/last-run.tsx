import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Skeleton } from '@/components/ui/skeleton';
import { errorMessage } from '@/lib/api/errors';
import { formatAgo } from '@/lib/format';
import { Status } from '../canvas/block';
import { lastRunQuery } from '../queries';
import { ofNodeRun, seconds } from '../run/state';
import { Details } from '../run/trace';

/** What the node did last, in a run or tried alone. */
export function LastRun({ appId, nodeId }: { appId: string; nodeId: string }) {
  const { t, i18n } = useTranslation();
  const { data, error, isPending } = useQuery(lastRunQuery(appId, nodeId));
  if (isPending) return <Skeleton className="m-4 h-32" />;
  if (error) return <p className="p-4 text-danger text-sm">{errorMessage(error, t)}</p>;
  if (!data) return <p className="px-6 py-10 text-center text-ink-3 text-sm">{t('studio.panel.neverRan')}</p>;
  const one = ofNodeRun(data);
  const runId = data.run_id;
  return (
    <div className="space-y-3 p-4">
      <p className="flex items-center gap-2 text-ink-2 text-xs">
        <Status status={one.status} className="size-4" />
        {t(`studio.run.status.${one.status}`)}
        <span className="ml-auto text-ink-3 tabular-nums">
          {one.elapsedS === null ? '' : seconds(one.elapsedS)}
          {one.tokens > 0 && ` · ${t('studio.run.tokens', { count: one.tokens })}`} ·{' '}
          {formatAgo(data.finished_at, i18n.language)}
        </span>
      </p>
      <Details
        one={one}
        whole={runId ? (field) => `/api/apps/${appId}/runs/${runId}/nodes/${one.id}/values/${field}` : undefined}
      />
    </div>
  );
}
