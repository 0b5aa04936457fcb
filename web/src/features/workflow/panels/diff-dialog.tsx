import { useQuery } from '@tanstack/react-query';
import { Minus, PencilLine, Plus } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorState } from '@/components/states';
import { Dialog } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import type { components } from '@/lib/api/schema';
import { cn } from '@/lib/cn';
import { findNode, titleOf } from '../graph/types';
import { KindIcon } from '../nodes/kind-icon';
import { diffQuery } from '../queries';
import { useStudio } from '../store';
import { lineDiff } from './line-diff';

type Change = components['schemas']['Change'];
type Kind = Change['kind'];

interface DiffDialogProps {
  appId: string;
  /** Version ids, or `draft`. */
  from: string;
  to: string;
  title: string;
  onClose: () => void;
}

/** What leads from one version to another, in the words of the canvas. */
export function DiffDialog({ appId, from, to, title, onClose }: DiffDialogProps) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery(diffQuery(appId, from, to));
  const graph = useStudio((studio) => studio.config.graph);
  const nameOf = (id: string) => {
    const node = findNode(graph, id);
    return node ? titleOf(node) : id;
  };
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={title} className="max-w-3xl">
      {error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton className="h-48" />
      ) : (
        <div className="space-y-5">
          {data.layout_only && <p className="text-ink-3 text-sm">{t('studio.diff.same')}</p>}
          {data.nodes.added.length + data.nodes.removed.length > 0 && (
            <Group title={t('studio.diff.nodes')}>
              {data.nodes.added.map((node) => (
                <Row key={node.id} kind="added">
                  <NodeName type={node.type} title={node.title} />
                </Row>
              ))}
              {data.nodes.removed.map((node) => (
                <Row key={node.id} kind="removed">
                  <NodeName type={node.type} title={node.title} />
                </Row>
              ))}
            </Group>
          )}
          {data.nodes.changed
            .filter((node) => !node.layout_only)
            .map((node) => (
              <Group key={node.id} title={<NodeName type={node.type} title={node.title} />}>
                {node.changes.map((change) => (
                  <ChangeRow key={change.path} change={change} strip="/data" />
                ))}
              </Group>
            ))}
          {data.edges.added.length + data.edges.removed.length > 0 && (
            <Group title={t('studio.diff.edges')}>
              {(['added', 'removed'] as const).flatMap((kind) =>
                data.edges[kind].map((edge) => (
                  <Row key={`${kind}${edge.source}${edge.source_handle}${edge.target}`} kind={kind}>
                    <span>
                      {nameOf(edge.source)}
                      {edge.source_handle !== 'source' && ` (${edge.source_handle})`} → {nameOf(edge.target)}
                    </span>
                  </Row>
                )),
              )}
            </Group>
          )}
          {data.variables.length > 0 && (
            <Group title={t('studio.flow.title')}>
              {data.variables.map((variable) => (
                <div key={`${variable.list}${variable.name}`}>
                  <Row kind={variable.kind}>
                    <code className="font-mono text-xs">
                      {variable.list === 'environment' ? 'env' : 'conversation'}.{variable.name}
                    </code>
                  </Row>
                  {variable.changes.map((change) => (
                    <ChangeRow key={change.path} change={change} />
                  ))}
                </div>
              ))}
            </Group>
          )}
          {data.features.length > 0 && (
            <Group title={t('editor.features')}>
              {data.features.map((change) => (
                <ChangeRow key={change.path} change={change} />
              ))}
            </Group>
          )}
          {data.others.length > 0 && (
            <Group title={t('studio.diff.others')}>
              {data.others.map((change) => (
                <ChangeRow key={change.path} change={change} />
              ))}
            </Group>
          )}
          {!data.layout_only && data.nodes.changed.some((node) => node.layout_only) && (
            <p className="text-ink-3 text-xs">
              {t('studio.diff.moved', { count: data.nodes.changed.filter((node) => node.layout_only).length })}
            </p>
          )}
        </div>
      )}
    </Dialog>
  );
}

function Group({ title, children }: { title: ReactNode; children: ReactNode }) {
  return (
    <section>
      <h3 className="mb-1.5 font-semibold text-sm">{title}</h3>
      <div className="divide-y overflow-hidden rounded-lg border bg-surface">{children}</div>
    </section>
  );
}

function NodeName({ type, title }: { type: string; title: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <KindIcon type={type} className="size-4" />
      {title}
    </span>
  );
}

const SIGNS: Record<Kind, { icon: typeof Plus; tone: string }> = {
  added: { icon: Plus, tone: 'text-ok' },
  removed: { icon: Minus, tone: 'text-danger' },
  changed: { icon: PencilLine, tone: 'text-warn' },
};

function Row({ kind, children }: { kind: Kind; children: ReactNode }) {
  const { t } = useTranslation();
  const { icon: Icon, tone } = SIGNS[kind];
  return (
    <div className="flex items-center gap-2 px-3 py-1.5 text-sm">
      <Icon className={cn('size-3.5 shrink-0', tone)} aria-label={t(`studio.diff.${kind}`)} />
      {children}
    </div>
  );
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

function ChangeRow({ change, strip = '' }: { change: Change; strip?: string }) {
  const path = change.path.replace(strip, '').replace(/^\//, '').replaceAll('/', ' › ');
  const before = change.kind === 'added' ? '' : shown(change.before);
  const after = change.kind === 'removed' ? '' : shown(change.after);
  return (
    <div className="px-3 py-2">
      <p className="mb-1 font-mono text-2xs text-ink-3">{path}</p>
      <pre className="max-h-64 overflow-auto whitespace-pre-wrap break-words font-mono text-[0.6875rem] leading-4.5">
        {lineDiff(before, after, change.kind).map((line, i) => (
          <span
            key={i}
            className={cn(
              'block px-1.5',
              line.kind === 'added' && 'bg-[color-mix(in_oklab,var(--ok)_16%,transparent)]',
              line.kind === 'removed' && 'bg-danger-soft text-danger',
            )}
          >
            {line.kind === 'added' ? '+ ' : line.kind === 'removed' ? '− ' : '  '}
            {line.text}
          </span>
        ))}
        {change.truncated && '…'}
      </pre>
    </div>
  );
}
