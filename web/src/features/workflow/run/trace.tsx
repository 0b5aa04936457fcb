import { ChevronRight, CircleAlert, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Tooltip } from '@/components/ui/tooltip';
import { cn } from '@/lib/cn';
import { Status } from '../canvas/block';
import { KindStone } from '../nodes/kind-icon';
import { type AgentLog, type Execution, isOver, type Run, seconds } from './state';
import { Values } from './values';

interface TraceProps {
  appId: string;
  run: Run;
  /** The run is stored: what is cut here can be asked for whole. */
  isStored: boolean;
  onGo: (nodeId: string) => void;
  onReplay?: ((nodeId: string) => void) | undefined;
}

/** The nodes of a run in their order, with the time each took; what lies inside of containers by its rounds. */
export function Trace({ appId, run, isStored, onGo, onReplay }: TraceProps) {
  const { t } = useTranslation();
  if (run.executions.length === 0)
    return <p className="px-4 py-6 text-center text-ink-3 text-sm">{t('studio.run.noNodes')}</p>;
  const longest = Math.max(...run.executions.map((one) => one.elapsedS ?? 0), 0.001);
  const top = run.executions.filter((one) => one.rounds.length === 0);
  const shared = { appId, run, isStored, onGo, longest, onReplay: isOver(run) && !run.isStep ? onReplay : undefined };
  return (
    <ol className="divide-y">
      {(top.length > 0 ? top : run.executions).map((one) => (
        <Step key={one.id} {...shared} one={one} depth={0} />
      ))}
    </ol>
  );
}

interface StepProps extends TraceProps {
  one: Execution;
  depth: number;
  longest: number;
}

function Step(props: StepProps) {
  const { appId, run, one, depth, longest, isStored, onGo, onReplay } = props;
  const { t } = useTranslation();
  const [open, setOpen] = useState(one.status === 'failed');
  const inside = run.executions.filter(
    (other) => other.rounds.at(-1)?.nodeId === one.nodeId && other.rounds.length === depth + 1,
  );
  const share = Math.round(((one.elapsedS ?? 0) / longest) * 100);
  const whole = (field: string) => `/api/apps/${appId}/runs/${run.id}/nodes/${one.id}/values/${field}`;
  return (
    <li>
      <div className="flex items-center gap-2 py-1.5 pr-2.5" style={{ paddingLeft: 10 + depth * 16 }}>
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex min-w-0 grow items-center gap-2 rounded text-left"
        >
          <ChevronRight
            className={cn('size-3.5 shrink-0 text-ink-3 transition-transform', open && 'rotate-90')}
            aria-hidden
          />
          <KindStone type={one.type} className="size-6 [&_svg]:size-3.5" />
          <span className="min-w-0 grow">
            <span className="flex items-center gap-1.5 text-sm leading-4.5">
              <span className="truncate">{one.title || one.type}</span>
              {one.rounds.length > 0 && (
                <span className="shrink-0 text-2xs text-ink-3 tabular-nums">
                  #{(one.rounds.at(-1)?.index ?? 0) + 1}
                </span>
              )}
            </span>
            <span className="mt-0.5 block h-1 overflow-hidden rounded-[1px] bg-sunken" aria-hidden>
              <span
                className={cn(
                  'block h-full',
                  one.status === 'failed' ? 'bg-danger' : one.status === 'exception' ? 'bg-warn' : 'bg-accent',
                )}
                style={{ width: `${Math.max(share, one.elapsedS === null ? 0 : 2)}%` }}
              />
            </span>
          </span>
          <span className="shrink-0 text-right text-2xs text-ink-3 tabular-nums leading-4">
            <span className="block">{one.elapsedS === null ? '' : seconds(one.elapsedS)}</span>
            {one.tokens > 0 && <span className="block">{t('studio.run.tokens', { count: one.tokens })}</span>}
          </span>
          <Status status={one.status} className="size-4 shrink-0" />
        </button>
      </div>
      {open && (
        <div className="space-y-1.5 pr-3 pb-3" style={{ paddingLeft: 32 + depth * 16 }}>
          <div className="flex flex-wrap gap-1">
            <Button variant="ghost" size="xs" onClick={() => onGo(one.nodeId)}>
              {t('studio.run.show')}
            </Button>
            {onReplay && one.rounds.length === 0 && (
              <Tooltip text={t('studio.run.replayText')}>
                <Button variant="ghost" size="xs" onClick={() => onReplay(one.nodeId)}>
                  <RotateCcw />
                  {t('studio.run.replay')}
                </Button>
              </Tooltip>
            )}
          </div>
          <Details one={one} whole={isStored ? whole : undefined} />
          {inside.length > 0 && (
            <ol className="-ml-8 divide-y border-t">
              {inside.map((child) => (
                <Step key={child.id} {...props} one={child} depth={depth + 1} />
              ))}
            </ol>
          )}
        </div>
      )}
    </li>
  );
}

/** All that is known of one execution. */
export function Details({ one, whole }: { one: Execution; whole?: ((field: string) => string) | undefined }) {
  const { t } = useTranslation();
  return (
    <div className="space-y-1.5">
      {one.error && (
        <p
          role="alert"
          className="flex items-start gap-2 whitespace-pre-wrap break-words rounded-md bg-danger-soft px-2.5 py-1.5 text-danger text-xs"
        >
          <CircleAlert className="mt-px size-3.5 shrink-0" aria-hidden />
          {one.error}
        </p>
      )}
      {one.retries.map((retry, i) => (
        <p key={i} className="rounded-md bg-warn-soft px-2.5 py-1.5 text-warn-ink text-xs">
          {t('studio.run.retry', { number: i + 1, time: seconds(retry.elapsedS) })} {retry.error}
        </p>
      ))}
      {one.logs.length > 0 && <Logs logs={one.logs} />}
      <Values
        title={t('studio.run.inputs')}
        value={one.inputs}
        whole={one.isCut.inputs ? whole?.('inputs') : undefined}
      />
      <Values
        title={t('studio.run.process')}
        value={one.process}
        whole={one.isCut.process_data ? whole?.('process_data') : undefined}
      />
      <Values
        title={t('studio.run.outputs')}
        value={one.outputs}
        isOpen
        whole={one.isCut.outputs ? whole?.('outputs') : undefined}
      />
    </div>
  );
}

function Logs({ logs }: { logs: AgentLog[] }) {
  const { t } = useTranslation();
  const of = (parent: string | null) => logs.filter((log) => log.parentId === parent);
  const branch = (parent: string | null, depth: number) => (
    <ul className={cn('space-y-1', depth > 0 && 'ml-3 border-l pl-2.5')}>
      {of(parent).map((log) => (
        <li key={log.id}>
          <div className="flex items-center gap-2 text-xs">
            <span
              className={cn(
                'size-1.5 shrink-0 rounded-[1px]',
                log.status === 'error' ? 'bg-danger' : log.status === 'start' ? 'bg-accent' : 'bg-ok',
              )}
              aria-hidden
            />
            <span className="min-w-0 truncate">{log.label}</span>
            {log.elapsedS !== null && (
              <span className="ml-auto shrink-0 text-2xs text-ink-3">{seconds(log.elapsedS)}</span>
            )}
          </div>
          {log.error && <p className="text-2xs text-danger">{log.error}</p>}
          {typeof log.data === 'object' && log.data !== null && Object.keys(log.data).length > 0 && (
            <Values title={t('studio.run.data')} value={log.data as Record<string, unknown>} />
          )}
          {of(log.id).length > 0 && branch(log.id, depth + 1)}
        </li>
      ))}
    </ul>
  );
  return <div className="rounded-md border bg-surface px-2.5 py-2">{branch(null, 0)}</div>;
}
