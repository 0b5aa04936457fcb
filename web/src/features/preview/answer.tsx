import { BookMarked, CircleAlert, RefreshCw } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { CopyIcon } from '@/components/copy';
import { FileList } from '@/components/files/file-list';
import { Laying } from '@/components/laying';
import { Markdown } from '@/components/markdown';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Tooltip } from '@/components/ui/tooltip';
import { errorMessage } from '@/lib/api/errors';
import { Thoughts } from './thoughts';
import type { Turn } from './use-preview';

interface AnswerProps {
  turn: Turn;
  onRetry?: (() => void) | undefined;
  actions?: ReactNode;
}

/** An answer as it comes in, what it cost, and what can be done with it. */
export function Answer({ turn, onRetry, actions }: AnswerProps) {
  const { t } = useTranslation();
  const running = turn.status === 'waiting' || turn.status === 'streaming';
  return (
    <div className="min-w-0" aria-busy={running}>
      {turn.thoughts && <Thoughts thoughts={turn.thoughts} />}
      {turn.status === 'waiting' || (running && !turn.answer) ? (
        <Laying label={t('preview.thinking')} />
      ) : (
        turn.answer && (
          <div className="text-base">
            <Markdown text={turn.answer} />
          </div>
        )
      )}
      <FileList files={turn.answerFiles} className="mt-2" />
      {turn.status === 'failed' && (
        <div
          role="alert"
          className="mt-2 flex items-start gap-2 rounded-lg bg-danger-soft px-3 py-2 text-danger text-sm"
        >
          <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
          <span className="min-w-0 grow break-words">{errorMessage(turn.error, t)}</span>
          {onRetry && (
            <Button variant="danger-ghost" size="xs" className="-my-0.5" onClick={onRetry}>
              <RefreshCw />
              {t('common.retry')}
            </Button>
          )}
        </div>
      )}
      {!running && turn.status !== 'failed' && (
        <div className="-ml-1.5 mt-1.5 flex flex-wrap items-center gap-x-0.5 gap-y-1 text-ink-3">
          <CopyIcon text={turn.answer} label={t('preview.copyAnswer')} />
          {onRetry && (
            <Tooltip text={t('preview.regenerate')}>
              <Button variant="ghost" size="icon-xs" aria-label={t('preview.regenerate')} onClick={onRetry}>
                <RefreshCw />
              </Button>
            </Tooltip>
          )}
          {actions}
          {turn.status === 'stopped' && <Badge tone="warn">{t('preview.stopped')}</Badge>}
          {turn.fromAnnotation && (
            <Badge tone="accent">
              <BookMarked aria-hidden />
              {t('preview.fromAnnotation')}
            </Badge>
          )}
          <UsageLine turn={turn} />
        </div>
      )}
    </div>
  );
}

function UsageLine({ turn }: { turn: Turn }) {
  const { t } = useTranslation();
  const usage = turn.usage;
  if (!usage || usage.total_tokens === 0) return null;
  const writing = usage.latency - (usage.time_to_first_token ?? 0);
  const rate = usage.completion_tokens > 1 && writing > 0.02 ? (usage.completion_tokens - 1) / writing : null;
  const parts = [
    t('preview.usage', { tokens: usage.total_tokens }),
    usage.time_to_first_token === null
      ? null
      : t('preview.firstToken', { seconds: usage.time_to_first_token.toFixed(2) }),
    t('preview.total', { seconds: usage.latency.toFixed(2) }),
    rate === null ? null : t('preview.speed', { rate: rate >= 10 ? Math.round(rate) : rate.toFixed(1) }),
  ];
  return (
    <Tooltip text={t('preview.usageDetail', { prompt: usage.prompt_tokens, completion: usage.completion_tokens })}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the tooltip must open by keyboard too */}
      <span className="ml-1.5 text-2xs tabular-nums" tabIndex={0}>
        {parts.filter(Boolean).join(' · ')}
      </span>
    </Tooltip>
  );
}
