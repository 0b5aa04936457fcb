import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CheckCircle2, CircleAlert, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Panel, Section } from '@/components/page';
import { Button } from '@/components/ui/button';
import { Confirm } from '@/components/ui/dialog';
import { modelsQuery } from '@/lib/api/queries';
import type { Pull } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatBytes } from '@/lib/format';
import { pullsQuery, usePull, useStopPull } from './queries';

/** Downloads of models, while there are any to see. */
export function Pulls({ onRetry }: { onRetry: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { data: pulls } = useQuery(pullsQuery);
  const again = usePull();
  const stop = useStopPull();
  const [stopping, setStopping] = useState<Pull | null>(null);
  const running = pulls?.filter((pull) => pull.status === 'running').length ?? 0;
  // a model that has come is in the list below
  useEffect(() => {
    if (running === 0) void client.invalidateQueries({ queryKey: modelsQuery.queryKey });
  }, [running, client]);
  if (!pulls || pulls.length === 0) return null;
  return (
    <Section title={t('models.pulls')}>
      <Panel>
        <ul className="divide-y">
          {pulls.map((pull) => (
            <PullRow
              key={pull.id}
              pull={pull}
              onStop={() => (pull.status === 'running' ? setStopping(pull) : stop.mutate(pull.id))}
              onRetry={() => again.mutate({ model: pull.model }, { onError: onRetry })}
            />
          ))}
        </ul>
      </Panel>
      <Confirm
        open={stopping !== null}
        onOpenChange={() => setStopping(null)}
        title={t('models.stopTitle', { model: stopping?.model ?? '' })}
        text={t('models.stopText')}
        action={t('models.stop')}
        danger
        busy={stop.isPending}
        onConfirm={() => stopping && stop.mutate(stopping.id, { onSettled: () => setStopping(null) })}
      />
    </Section>
  );
}

function PullRow({ pull, onStop, onRetry }: { pull: Pull; onStop: () => void; onRetry: () => void }) {
  const { t } = useTranslation();
  const rate = useRate(pull.done_bytes);
  const { total_bytes: total, done_bytes: done } = pull;
  const share = total > 0 ? done / total : 0;
  const left = rate > 0 && total > done ? (total - done) / rate : null;
  const running = pull.status === 'running';
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        {pull.status === 'done' && <CheckCircle2 className="size-4 text-ok" aria-hidden />}
        {pull.status === 'failed' && <CircleAlert className="size-4 text-danger" aria-hidden />}
        <span className="min-w-0 grow break-all font-medium text-sm">{pull.model}</span>
        <span className="text-ink-3 text-xs tabular-nums">
          {running
            ? total === 0
              ? t('models.asking')
              : [
                  t('models.bytesOf', { done: formatBytes(done), total: formatBytes(total) }),
                  rate > 0 && t('models.perSecond', { size: formatBytes(rate) }),
                  left !== null && t('models.secondsLeft', { time: duration(left) }),
                ]
                  .filter(Boolean)
                  .join(' · ')
            : pull.status === 'done'
              ? t('models.pulled', { size: formatBytes(total) })
              : ''}
        </span>
        {pull.status === 'failed' && (
          <Button size="xs" onClick={onRetry}>
            {t('models.pullOn')}
          </Button>
        )}
        <Button
          variant="ghost"
          size="icon-xs"
          aria-label={`${running ? t('models.stop') : t('common.remove')}: ${pull.model}`}
          onClick={onStop}
        >
          <X />
        </Button>
      </div>
      {running && (
        <div
          role="progressbar"
          aria-label={pull.model}
          aria-valuenow={Math.round(share * 100)}
          aria-valuemin={0}
          aria-valuemax={100}
          className="mt-2 h-1.5 overflow-hidden rounded-full bg-line"
        >
          <div
            className={cn(
              'h-full rounded-full bg-accent transition-[width] duration-500',
              total === 0 && 'animate-pulse',
            )}
            style={{ width: `${total === 0 ? 8 : share * 100}%` }}
          />
        </div>
      )}
      {pull.error && <p className="mt-1 break-words pl-7 text-danger text-xs">{pull.error}</p>}
    </li>
  );
}

/** Bytes a second, over the last few looks. */
function useRate(done: number) {
  const seen = useRef<{ at: number; done: number }[]>([]);
  const last = seen.current.at(-1);
  if (last?.done !== done) seen.current = [...seen.current, { at: performance.now(), done }].slice(-8);
  const first = seen.current[0];
  const latest = seen.current.at(-1);
  if (!first || !latest || latest.at - first.at < 500) return 0;
  return Math.max(0, (latest.done - first.done) / ((latest.at - first.at) / 1000));
}

/** 75 → 1:15 */
function duration(seconds: number) {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
