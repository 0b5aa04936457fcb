import { type NodeProps, NodeResizeControl } from '@xyflow/react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { INSET } from '../graph/edit';
import type { FlowNode } from '../graph/flow';
import { handlesOf } from '../graph/handles';
import { text } from '../graph/types';
import { lookOf } from '../nodes/looks';
import { useRun } from '../run/store';
import { useStudioStore } from '../store';
import { Head } from './block';
import { Inlet, Outlet } from './outlet';

/** An iteration or a loop: a course with its title, and room for what is repeated. */
export const ContainerBlock = memo(function ContainerBlock({ id, data: { raw }, selected }: NodeProps<FlowNode>) {
  const { t } = useTranslation();
  const { canEdit } = useStudioStore().getState();
  const { data } = raw;
  const { family } = lookOf(text(data.type));
  const status = useRun((state) => state.status.get(id));
  const round = useRun((state) => state.run?.executions.findLast((one) => one.nodeId === id)?.round ?? null);
  return (
    <div
      data-family={family}
      data-status={status}
      className="masonry relative flex h-full w-full flex-col bg-[color-mix(in_oklab,var(--surface)_60%,transparent)]!"
    >
      <Inlet className="top-5.5!" />
      <div className="rounded-t-[5px] border-line border-b bg-surface">
        <Head id={id} data={data} status={status} />
      </div>
      {round !== null && status === 'running' && (
        <span className="absolute top-12 right-2 rounded bg-accent-soft px-1.5 text-2xs text-accent-ink tabular-nums">
          {t('studio.run.round', { number: round })}
        </span>
      )}
      {handlesOf(data).map((handle) => (
        <Outlet
          key={handle.id}
          nodeId={id}
          handle={handle.id}
          isFail={handle.kind === 'fail'}
          className={cn(handle.kind === 'fail' ? 'top-16!' : 'top-5.5!')}
        />
      ))}
      {canEdit && selected && (
        <NodeResizeControl minWidth={320} minHeight={INSET.top + 80} position="bottom-right" className="handle" />
      )}
    </div>
  );
});

/** Where a round begins. */
export const InnerStart = memo(function InnerStart({ id, data: { raw } }: NodeProps<FlowNode>) {
  const { t } = useTranslation();
  const { icon: Icon, family } = lookOf(text(raw.data.type));
  return (
    <div data-family={family} className="masonry stone! flex size-11 items-center justify-center">
      <Icon className="size-4.5" aria-label={t('studio.canvas.innerStart')} />
      <Outlet nodeId={id} handle="source" />
    </div>
  );
});
