import { useQuery } from '@tanstack/react-query';
import { CircleAlert } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CodeBlock } from '@/components/code-block';
import { FileList, filesOfValue } from '@/components/files/file-list';
import { ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Skeleton } from '@/components/ui/skeleton';
import type { App } from '@/lib/api/types';
import { formatTokens } from '@/lib/format';
import { About, LogDrawer, Waiting } from './drawer';
import { runNodesQuery, runQuery } from './queries';
import { barsOfNodes, type NodeRun, seconds } from './trace';
import { Waterfall } from './waterfall';

/** A run of a workflow: what it was asked and came to, and its steps. */
export function RunDrawer({ app, id, onClose }: { app: App; id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const { data: run, error, refetch } = useQuery(runQuery(app.id, id));
  const nodes = useQuery(runNodesQuery(app.id, id));
  return (
    <LogDrawer
      title={t('logs.run')}
      about={run && <About source={run.source} user={run.created_by?.name} iso={run.created_at} id={run.id} />}
      onClose={onClose}
    >
      {error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : !run ? (
        <Waiting />
      ) : (
        <div className="space-y-5">
          <dl className="flex flex-wrap gap-x-8 gap-y-3 rounded-xl border bg-surface px-4 py-3">
            {[
              [
                t('logs.status'),
                <Badge key="status" tone={run.error ? 'danger' : run.status === 'succeeded' ? 'accent' : 'warn'}>
                  {t(`logs.status_${run.status}` as 'logs.status_failed')}
                </Badge>,
              ],
              [t('logs.took'), seconds(run.elapsed_s)],
              [t('logs.tokens'), formatTokens(run.total_tokens)],
              [t('logs.steps'), run.total_steps],
              [t('logs.trigger'), t(`logs.trigger_${run.triggered_from}` as 'logs.trigger_webhook')],
            ].map(([name, value]) => (
              <div key={String(name)}>
                <dt className="text-2xs text-ink-3">{name}</dt>
                <dd className="font-medium text-sm tabular-nums">{value}</dd>
              </div>
            ))}
          </dl>
          {run.error && (
            <p className="flex items-start gap-2 rounded-lg bg-danger-soft px-3 py-2 text-danger text-sm">
              <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
              <span className="min-w-0 break-words">{run.error}</span>
            </p>
          )}
          <section>
            <h3 className="mb-2 font-semibold text-sm">{t('logs.trace')}</h3>
            {nodes.data ? <NodesTrace nodes={nodes.data.data} begun={run.created_at} /> : <Skeleton className="h-32" />}
            {run.status === 'running' && <p className="mt-2 text-ink-3 text-xs">{t('logs.stillRunning')}</p>}
          </section>
          <Values title={t('logs.inputs')} value={run.inputs} truncated={run.inputs_truncated} />
          {run.outputs && <Values title={t('logs.outputs')} value={run.outputs} truncated={run.outputs_truncated} />}
        </div>
      )}
    </LogDrawer>
  );
}

/** The steps of a run as a waterfall; a step opens what it took and gave. */
export function NodesTrace({ nodes, begun }: { nodes: NodeRun[]; begun: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<string | null>(null);
  if (nodes.length === 0) return <p className="text-ink-3 text-sm">{t('logs.noNodes')}</p>;
  return (
    <Waterfall
      bars={barsOfNodes(nodes, begun)}
      open={open}
      onOpen={setOpen}
      detail={(bar) => {
        const node = nodes.find((one) => one.id === bar.key);
        return node && <NodeDetail node={node} />;
      }}
    />
  );
}

function NodeDetail({ node }: { node: NodeRun }) {
  const { t } = useTranslation();
  return (
    <div className="my-2 space-y-3 rounded-lg border bg-surface p-3">
      <Values title={t('logs.inputs')} value={node.inputs} truncated={node.inputs_truncated} />
      <Values title={t('logs.processData')} value={node.process_data} truncated={node.process_data_truncated} />
      <Values title={t('logs.outputs')} value={node.outputs} truncated={node.outputs_truncated} />
    </div>
  );
}

interface ValuesProps {
  title: string;
  value: Record<string, unknown> | null | undefined;
  truncated: boolean;
}

function Values({ title, value, truncated }: ValuesProps) {
  const { t } = useTranslation();
  if (!value || Object.keys(value).length === 0) return null;
  return (
    <section>
      <h4 className="mb-1.5 font-medium text-ink-2 text-xs">{title}</h4>
      <FileList files={filesOfValue(value)} size="sm" className="mb-1.5" />
      <CodeBlock code={JSON.stringify(value, null, 2)} className="max-h-80 overflow-y-auto" />
      {truncated && <p className="mt-1 text-2xs text-ink-3">{t('logs.truncated')}</p>}
    </section>
  );
}
