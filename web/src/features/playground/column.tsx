import { CircleAlert, FlaskConical } from 'lucide-react';
import { type ReactNode, useLayoutEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { CopyIcon } from '@/components/copy';
import { FileList } from '@/components/files/file-list';
import { Laying } from '@/components/laying';
import { Markdown } from '@/components/markdown';
import { EmptyState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Tooltip } from '@/components/ui/tooltip';
import { errorMessage } from '@/lib/api/errors';
import type { Model } from '@/lib/api/types';
import { formatTokens } from '@/lib/format';
import { type Content, type Measured, tokensPerSecond } from './answer-stream';
import type { Exchange } from './use-columns';

interface ColumnProps {
  picker: ReactNode;
  model: Model | undefined;
  exchanges: Exchange[];
}

/** One model's conversation. */
export function Column({ picker, model, exchanges }: ColumnProps) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows what is written
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && element.scrollHeight - element.scrollTop - element.clientHeight < 160)
      element.scrollTop = element.scrollHeight;
  }, [exchanges]);
  return (
    <article aria-label={model?.name} className="flex min-h-0 flex-col bg-canvas">
      <div className="@container flex shrink-0 items-center gap-1 border-b bg-surface px-3 py-2 *:first:max-w-xl">
        {picker}
      </div>
      <div ref={scroller} className="min-h-0 grow space-y-5 overflow-y-auto px-4 py-4" aria-live="polite">
        {exchanges.length === 0 && (
          <EmptyState
            className="pt-[14vh]"
            icon={<FlaskConical />}
            title={t('playground.empty')}
            text={
              <>
                {t('playground.emptyText')}
                {model && (
                  <span className="mt-2 block text-ink-3 text-xs">
                    {[
                      t('editor.context', { size: formatTokens(model.context_size) }),
                      model.features.includes('vision') ? t('editor.vision') : t('playground.noPictures'),
                    ].join(' · ')}
                  </span>
                )}
              </>
            }
          />
        )}
        {exchanges.map((exchange, index) => (
          <div key={index} className="space-y-3">
            <Question content={exchange.question} />
            <Answer exchange={exchange} />
          </div>
        ))}
      </div>
    </article>
  );
}

function Question({ content }: { content: Content }) {
  const { t } = useTranslation();
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
  return (
    <div className="flex flex-col items-end gap-1.5">
      <span className="sr-only">{t('preview.you')}</span>
      {parts.map((part, index) =>
        part.type === 'image_url' ? (
          <FileList
            key={index}
            files={[{ kind: 'image', name: t('playground.picture'), src: part.image_url.url }]}
            size="sm"
          />
        ) : (
          <p
            key={index}
            className="max-w-[90%] whitespace-pre-wrap break-words rounded-2xl rounded-br-md bg-accent-soft px-3.5 py-2 text-ink text-sm"
          >
            {part.text}
          </p>
        ),
      )}
    </div>
  );
}

function Answer({ exchange }: { exchange: Exchange }) {
  const { t } = useTranslation();
  const { status, answer, error, measured } = exchange;
  return (
    <div aria-busy={status === 'waiting' || status === 'streaming'}>
      {status === 'waiting' ? (
        <Laying label={t('preview.thinking')} />
      ) : (
        answer && (
          <div className="text-base">
            <Markdown text={answer} />
          </div>
        )
      )}
      {status === 'failed' && (
        <p role="alert" className="mt-2 flex items-start gap-2 rounded-lg bg-danger-soft px-3 py-2 text-danger text-sm">
          <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
          <span className="min-w-0 break-words">{errorMessage(error, t)}</span>
        </p>
      )}
      {(status === 'done' || status === 'stopped') && (
        <div className="-ml-1.5 mt-1 flex flex-wrap items-center gap-x-1 text-ink-3">
          <CopyIcon text={answer} label={t('preview.copyAnswer')} />
          {status === 'stopped' && <Badge tone="warn">{t('preview.stopped')}</Badge>}
          {measured?.finishReason === 'length' && <Badge tone="warn">{t('playground.cut')}</Badge>}
          {measured && <Measures measured={measured} />}
        </div>
      )}
    </div>
  );
}

function Measures({ measured }: { measured: Measured }) {
  const { t } = useTranslation();
  const rate = tokensPerSecond(measured);
  const parts = [
    rate === null ? null : t('preview.speed', { rate: rate >= 10 ? Math.round(rate) : rate.toFixed(1) }),
    measured.firstToken === null ? null : t('preview.firstToken', { seconds: measured.firstToken.toFixed(2) }),
    t('preview.total', { seconds: measured.total.toFixed(2) }),
  ];
  return (
    <Tooltip
      text={t('playground.tokens', {
        prompt: measured.promptTokens,
        cached: measured.cachedTokens,
        completion: measured.completionTokens,
      })}
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the tooltip must open by keyboard too */}
      <span className="text-2xs tabular-nums" tabIndex={0} data-testid="measures">
        {parts.filter(Boolean).join(' · ')}
      </span>
    </Tooltip>
  );
}
