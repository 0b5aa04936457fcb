import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { ArrowLeft, History } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Select } from '@/components/ui/select';
import { Skeleton } from '@/components/ui/skeleton';
import type { components } from '@/lib/api/schema';
import { formatAgo, formatDate } from '@/lib/format';
import { record, text } from '../graph/types';
import { runNodesQuery, runQuery, runsQuery } from '../queries';
import { Result, RunBadge } from '../run/run-panel';
import { newRun, ofNodeRun, type Run, type RunStatus, seconds } from '../run/state';
import { useRun } from '../run/store';
import { Trace } from '../run/trace';
import { Values } from '../run/values';
import { PanelFrame } from './panel-frame';

const STATUSES = ['succeeded', 'partial-succeeded', 'failed', 'stopped', 'paused', 'running'] as const;
const SOURCES = ['debugging', 'app-run', 'webhook', 'schedule'] as const;

interface HistoryPanelProps {
  appId: string;
  runId: string | undefined;
  onOpen: (runId: string | undefined) => void;
  onGo: (nodeId: string) => void;
  onReplay: (run: Run, nodeId: string) => void;
  onClose: () => void;
}

/** Runs of the draft and of what is published; one of them is shown on the canvas. */
export function HistoryPanel(props: HistoryPanelProps) {
  const { t } = useTranslation();
  const { runId, onOpen, onClose } = props;
  return (
    <PanelFrame
      title={t('studio.history.title')}
      onClose={onClose}
      actions={
        runId && (
          <Button variant="ghost" size="sm" onClick={() => onOpen(undefined)}>
            <ArrowLeft />
            {t('studio.history.all')}
          </Button>
        )
      }
    >
      {runId ? <OneRun key={runId} {...props} runId={runId} /> : <Runs {...props} />}
    </PanelFrame>
  );
}

function Runs({ appId, onOpen }: HistoryPanelProps) {
  const { t, i18n } = useTranslation();
  const [status, setStatus] = useState('');
  const [source, setSource] = useState('');
  const runs = useInfiniteQuery(
    runsQuery(appId, { ...(status ? { status } : {}), ...(source ? { triggered_from: source } : {}) }),
  );
  const list = runs.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <>
      <div className="flex gap-2 border-b px-4 py-2.5">
        <Select
          size="sm"
          aria-label={t('studio.history.status')}
          value={status}
          onValueChange={setStatus}
          options={[
            { value: '', label: t('studio.history.anyStatus') },
            ...STATUSES.map((one) => ({ value: one as string, label: t(`studio.run.status.${one}`) })),
          ]}
        />
        <Select
          size="sm"
          aria-label={t('studio.history.source')}
          value={source}
          onValueChange={setSource}
          options={[
            { value: '', label: t('studio.history.anySource') },
            ...SOURCES.map((one) => ({ value: one as string, label: t(`studio.history.sources.${one}`) })),
          ]}
        />
      </div>
      {runs.isPending ? (
        <div className="space-y-2 p-4">
          <Skeleton className="h-12" />
          <Skeleton className="h-12" />
          <Skeleton className="h-12" />
        </div>
      ) : runs.isError ? (
        <ErrorState error={runs.error} onRetry={() => void runs.refetch()} />
      ) : list.length === 0 ? (
        <EmptyState icon={<History />} title={t('studio.history.empty')} text={t('studio.history.emptyText')} />
      ) : (
        <ul className="divide-y">
          {list.map((run) => (
            <li key={run.id}>
              <button
                type="button"
                onClick={() => onOpen(run.id)}
                className="w-full px-4 py-2.5 text-left hover:bg-hover"
              >
                <span className="flex items-center gap-2">
                  <RunBadge run={{ status: run.status as RunStatus }} />
                  <span className="min-w-0 truncate text-ink-2 text-xs">
                    {SOURCES.some((one) => one === run.triggered_from) &&
                      t(`studio.history.sources.${run.triggered_from as (typeof SOURCES)[number]}`)}
                    {run.version_number ? ` · #${run.version_number}` : ''}
                  </span>
                  <time
                    dateTime={run.created_at}
                    title={formatDate(run.created_at, i18n.language)}
                    className="ml-auto shrink-0 text-ink-3 text-xs"
                  >
                    {formatAgo(run.created_at, i18n.language)}
                  </time>
                </span>
                <span className="mt-0.5 block truncate text-2xs text-ink-3 tabular-nums">
                  {[
                    seconds(run.elapsed_s),
                    run.total_tokens > 0 ? t('studio.run.tokens', { count: run.total_tokens }) : '',
                    t('studio.run.steps', { count: run.total_steps }),
                    run.created_by?.name ?? '',
                  ]
                    .filter(Boolean)
                    .join(' · ')}
                </span>
                {run.error && <span className="mt-0.5 line-clamp-1 text-2xs text-danger">{run.error}</span>}
              </button>
            </li>
          ))}
        </ul>
      )}
      {runs.hasNextPage && (
        <div className="p-4">
          <Button className="w-full" busy={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>
            {t('common.loadMore')}
          </Button>
        </div>
      )}
    </>
  );
}

/** A stored run as the canvas shows it. */
function OneRun({ appId, runId, onGo, onReplay }: HistoryPanelProps & { runId: string }) {
  const { t, i18n } = useTranslation();
  const details = useQuery(runQuery(appId, runId));
  const nodes = useQuery(runNodesQuery(appId, runId));
  const show = useRun((state) => state.show);
  const run = details.data && nodes.data ? stored(details.data, nodes.data) : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the run is made anew of the same answers each time
  useEffect(() => {
    if (run) show(run);
  }, [details.data, nodes.data, show]);
  useEffect(() => () => show(null), [show]);
  const error = details.error ?? nodes.error;
  if (error) return <ErrorState error={error} onRetry={() => void details.refetch()} />;
  if (!run || !details.data) return <Skeleton className="m-4 h-48" />;
  return (
    <>
      <div className="flex items-center gap-2 px-4 pt-3.5 text-xs">
        <RunBadge run={run} />
        <span className="text-ink-2">{formatDate(details.data.created_at, i18n.language)}</span>
        <code className="ml-auto truncate font-mono text-2xs text-ink-3">{runId.slice(0, 8)}</code>
      </div>
      <div className="px-4 pt-2">
        <Values title={t('studio.run.inputs')} value={run.inputs} />
      </div>
      <Result run={run} />
      <div className="border-t">
        <Trace appId={appId} run={run} isStored onGo={onGo} onReplay={(nodeId) => onReplay(run, nodeId)} />
      </div>
    </>
  );
}

type Schemas = components['schemas'];

function stored(details: Schemas['WorkflowRun'], nodes: Schemas['NodeRun'][]): Run {
  const executions = nodes.map(ofNodeRun);
  const outputs = details.outputs ? record(details.outputs) : null;
  return {
    ...newRun(),
    id: details.id,
    taskId: details.task_id,
    status: details.status as RunStatus,
    executions,
    text: text(outputs?.answer),
    inputs: record(details.inputs),
    outputs,
    error: details.error ?? null,
    elapsedS: details.elapsed_s,
    tokens: details.total_tokens,
    steps: details.total_steps,
    taken: new Set(executions.flatMap((one) => (one.predecessor ? [`${one.predecessor}>${one.nodeId}`] : []))),
  };
}
