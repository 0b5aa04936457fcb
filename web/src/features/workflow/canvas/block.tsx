import type { NodeProps } from '@xyflow/react';
import { CircleAlert, CircleCheck, CircleX, Hand, LoaderCircle, OctagonX, TriangleAlert } from 'lucide-react';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { operatorLabel } from '../fields/conditions';
import { UNARY } from '../fields/operators';
import type { FlowNode } from '../graph/flow';
import { type Handle, handlesOf, isBranch, takesEdges } from '../graph/handles';
import { type Data, records, selectorOf, text, titleOf } from '../graph/types';
import { casesOf } from '../nodes/if-else';
import { kindOf } from '../nodes/kinds';
import { lookOf } from '../nodes/looks';
import { Named, plain } from '../nodes/summary';
import { type NodeStatus, seconds } from '../run/state';
import { useRun } from '../run/store';
import { useStudio } from '../store';
import { Inlet, Outlet } from './outlet';

/** A node: courses of one width, the first with its sign and its title. */
export const Block = memo(function Block({ id, data: { raw } }: NodeProps<FlowNode>) {
  const { data } = raw;
  const type = text(data.type);
  const { family } = lookOf(type);
  const kind = kindOf(data);
  const status = useRun((state) => state.status.get(id));
  const isRunning = status === 'running' || status === 'retry';
  const handles = handlesOf(data);
  const branches = isBranch(type);
  return (
    <div data-family={family} data-status={status} className="masonry relative w-60">
      {takesEdges(type) && <Inlet className="top-5.5!" />}
      <Head id={id} data={data} status={status} />
      {kind?.Summary && <kind.Summary data={data} />}
      {handles.map((handle) =>
        handle.kind === 'next' ? (
          <Outlet key={handle.id} nodeId={id} handle={handle.id} className="top-5.5!" />
        ) : (
          <Branch key={handle.id} nodeId={id} handle={handle} data={data} isOnly={!branches} />
        ),
      )}
      {isRunning && <div className="course-bar absolute inset-x-0 bottom-0 h-0.5 rounded-b-[5px]" />}
    </div>
  );
});

export function Head({ id, data, status }: { id: string; data: Data; status: NodeStatus | undefined }) {
  const { icon: Icon } = lookOf(text(data.type));
  const description = text(data.desc);
  return (
    <div className="flex min-h-11 items-stretch">
      <span className="stone flex w-10 shrink-0 items-center justify-center rounded-l-[5px] border-line border-r [&_svg]:size-4.5">
        <Icon aria-hidden />
      </span>
      <span className="flex min-w-0 grow flex-col justify-center px-2.5 py-1.5">
        <span className="truncate font-medium text-sm leading-4.5">{titleOf({ id, data })}</span>
        {description && <span className="truncate text-2xs text-ink-3 leading-4">{description}</span>}
      </span>
      <span className="flex shrink-0 items-center gap-1 pr-3.5 [&_svg]:size-4">
        <Problem id={id} />
        <Time id={id} />
        <Status status={status} />
      </span>
    </div>
  );
}

function Problem({ id }: { id: string }) {
  const { t } = useTranslation();
  const worst = useStudio((studio) => {
    const issues = studio.issuesOf.get(id);
    return issues?.some((issue) => issue.severity === 'error') ? 'error' : issues ? 'warning' : null;
  });
  if (!worst) return null;
  return worst === 'error' ? (
    <CircleAlert className="text-danger" aria-label={t('studio.checks.error')} />
  ) : (
    <TriangleAlert className="text-warn" aria-label={t('studio.checks.warning')} />
  );
}

/** How long it took in the run that is shown. */
function Time({ id }: { id: string }) {
  const time = useRun((state) => state.times.get(id));
  return time === undefined ? null : <span className="text-2xs text-ink-3 tabular-nums">{seconds(time)}</span>;
}

export function Status({ status, className }: { status: NodeStatus | undefined; className?: string }) {
  const { t } = useTranslation();
  if (!status) return null;
  const label = t(`studio.run.status.${status}`);
  switch (status) {
    case 'running':
    case 'retry':
      return <LoaderCircle className={cn('animate-spin text-accent', className)} aria-label={label} />;
    case 'succeeded':
      return <CircleCheck className={cn('text-ok', className)} aria-label={label} />;
    case 'failed':
      return <CircleX className={cn('text-danger', className)} aria-label={label} />;
    case 'exception':
      return <TriangleAlert className={cn('text-warn', className)} aria-label={label} />;
    case 'paused':
      return <Hand className={cn('text-warn', className)} aria-label={label} />;
    case 'stopped':
      return <OctagonX className={cn('text-ink-3', className)} aria-label={label} />;
  }
}

interface BranchProps {
  nodeId: string;
  handle: Handle;
  data: Data;
  /** The node has no other courses of this sort: a way out for failures. */
  isOnly: boolean;
}

/** A way out, as a course of its own. */
function Branch({ nodeId, handle, data, isOnly }: BranchProps) {
  const { t } = useTranslation();
  return (
    <div className="relative border-line border-t px-2.5 py-1.5 text-xs">
      <div className="flex min-h-4.5 items-center gap-2">
        {handle.kind !== 'action' && (
          <span
            className={cn(
              'shrink-0 font-medium text-2xs',
              handle.kind === 'fail' ? 'text-danger' : isOnly ? 'text-ink-2' : 'text-ink-3',
            )}
          >
            {handle.kind === 'case'
              ? t(handle.index === 0 ? 'studio.cond.if' : 'studio.cond.elif', { number: handle.index + 1 })
              : handle.kind === 'else'
                ? t('studio.cond.else')
                : handle.kind === 'fail'
                  ? t('studio.errors.branch')
                  : handle.kind === 'timeout'
                    ? t('studio.human.timeout')
                    : handle.index + 1}
          </span>
        )}
        {(handle.kind === 'class' || handle.kind === 'action') && (
          <span className="min-w-0 truncate">{plain(handle.label, 60) || handle.id}</span>
        )}
      </div>
      {handle.kind === 'case' && <CaseSummary data={data} index={handle.index} />}
      <Outlet nodeId={nodeId} handle={handle.id} isFail={handle.kind === 'fail'} />
    </div>
  );
}

function CaseSummary({ data, index }: { data: Data; index: number }) {
  const { t } = useTranslation();
  const conditions = records(casesOf(data)[index]?.conditions);
  return conditions.slice(0, 3).map((condition, i) => {
    const operator = text(condition.comparison_operator);
    const value = Array.isArray(condition.value) ? condition.value.join(', ') : String(condition.value ?? '');
    return (
      <div key={i} className="flex min-w-0 items-baseline gap-1 text-2xs">
        <Named selector={selectorOf(condition.variable_selector)} />
        <span className="shrink-0 text-ink-3">{operatorLabel(operator, t)}</span>
        {!UNARY.has(operator) && <span className="min-w-0 truncate">{plain(value, 40)}</span>}
      </div>
    );
  });
}

/** For minimaps and lists. */
export const familyColour = (type: string): string => `var(--fam-${lookOf(type).family})`;
