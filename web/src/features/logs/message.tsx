import { useQuery } from '@tanstack/react-query';
import { BookMarked, ChevronDown, CircleAlert, ThumbsDown, ThumbsUp } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { AppIcon } from '@/components/app-icon';
import { CopyIcon } from '@/components/copy';
import { FileList, fileOf } from '@/components/files/file-list';
import { Markdown } from '@/components/markdown';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { Tooltip } from '@/components/ui/tooltip';
import type { App } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatDate } from '@/lib/format';
import { AnnotateDialog } from './annotate-dialog';
import { type LogMessage, runNodesQuery, useRate } from './queries';
import { NodesTrace } from './run-drawer';
import { barsOfTrace, seconds } from './trace';
import { Waterfall } from './waterfall';

interface MessageCardProps {
  app: App;
  message: LogMessage;
  traceOpen: boolean;
}

/** A question with its answer, what people think of it, and what was done for it. */
export function MessageCard({ app, message, traceOpen }: MessageCardProps) {
  const { t, i18n } = useTranslation();
  const inputs = Object.entries(message.inputs).filter(([, value]) => value !== '' && value !== null);
  const files = message.files as unknown as LogFile[];
  return (
    <article className="rounded-xl border bg-surface shadow-1">
      <div className="space-y-3 p-4">
        {inputs.length > 0 && (
          <dl className="flex flex-wrap gap-x-4 gap-y-1 text-xs">
            {inputs.map(([name, value]) => (
              <div key={name} className="flex min-w-0 gap-1.5">
                <dt className="font-mono text-ink-3">{name}</dt>
                <dd className="min-w-0 max-w-80 truncate">
                  {typeof value === 'string' ? value : JSON.stringify(value)}
                </dd>
              </div>
            ))}
          </dl>
        )}
        {(message.query || files.some((file) => file.belongs_to === 'user')) && (
          <div className="flex flex-col items-end gap-2">
            <FileList files={shown(files, 'user')} className="justify-end" />
            {message.query && (
              <p className="max-w-[85%] whitespace-pre-wrap break-words rounded-2xl rounded-br-md bg-accent-soft px-3.5 py-2 text-base">
                {message.query}
              </p>
            )}
          </div>
        )}
        <div className="flex gap-3">
          <AppIcon app={app} size="sm" />
          <div className="min-w-0 grow pt-0.5">
            <Thoughts message={message} />
            {message.answer && (
              <div className="text-base">
                <Markdown text={message.answer} />
              </div>
            )}
            <FileList files={shown(files, 'assistant')} className="mt-2" />
            {message.error && (
              <p className="mt-2 flex items-start gap-2 rounded-lg bg-danger-soft px-3 py-2 text-danger text-sm">
                <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
                <span className="min-w-0 break-words">{message.error}</span>
              </p>
            )}
            <div className="mt-2 flex flex-wrap items-center gap-1.5">
              {message.status !== 'normal' && (
                <Badge tone={message.error ? 'danger' : 'warn'}>
                  {t(`logs.status_${message.status}` as 'logs.status_error')}
                </Badge>
              )}
              {message.annotation_id && (
                <Badge tone="accent">
                  <BookMarked aria-hidden />
                  {t('logs.answeredBy')}
                </Badge>
              )}
              {message.user_feedback && (
                <Badge tone={message.user_feedback.rating === 'like' ? 'accent' : 'warn'}>
                  {message.user_feedback.rating === 'like' ? <ThumbsUp aria-hidden /> : <ThumbsDown aria-hidden />}
                  {t(message.user_feedback.rating === 'like' ? 'logs.userLikes' : 'logs.userDislikes')}
                </Badge>
              )}
            </div>
            {message.user_feedback?.comment && (
              <blockquote className="mt-1.5 border-line-strong border-l-2 pl-3 text-ink-2 text-sm">
                {message.user_feedback.comment}
              </blockquote>
            )}
          </div>
        </div>
      </div>
      <footer className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t px-4 py-2 text-2xs text-ink-3 tabular-nums">
        <time dateTime={message.created_at}>{formatDate(message.created_at, i18n.language)}</time>
        {message.model && <span>{`${message.model.provider}/${message.model.name}`}</span>}
        <span>{t('preview.usage', { tokens: message.prompt_tokens + message.completion_tokens })}</span>
        {message.latency_s > 0 && <span>{seconds(message.latency_s)}</span>}
        {message.total_price > 0 && <span>{price(message.total_price, message.currency, i18n.language)}</span>}
        <span>
          {message.version_number ? t('logs.version', { number: message.version_number }) : t('logs.draftVersion')}
        </span>
        <span className="ml-auto flex items-center gap-0.5">
          <CopyIcon text={message.answer} />
          <Verdict app={app} message={message} />
        </span>
      </footer>
      <Trace app={app} message={message} openAtFirst={traceOpen} />
    </article>
  );
}

const price = (amount: number, currency: string, language: string) =>
  new Intl.NumberFormat(language, { style: 'currency', currency, maximumSignificantDigits: 3 }).format(amount);

function Verdict({ app, message }: { app: App; message: LogMessage }) {
  const { t } = useTranslation();
  const rate = useRate(app.id);
  const [annotating, setAnnotating] = useState(false);
  const given = message.member_feedback?.rating;
  const button = (rating: 'like' | 'dislike', name: string, icon: ReactNode) => (
    <Tooltip text={given === rating ? t('logs.takeBack') : name}>
      <Button
        variant="ghost"
        size="icon-xs"
        aria-label={name}
        aria-pressed={given === rating}
        className={cn(given === rating && 'bg-accent-soft text-accent-ink')}
        disabled={rate.isPending}
        onClick={() => rate.mutate({ id: message.id, body: given === rating ? null : rating })}
      >
        {icon}
      </Button>
    </Tooltip>
  );
  const annotate = t(message.saved_annotation_id ? 'logs.annotateEdit' : 'logs.annotate');
  return (
    <>
      {button('like', t('logs.good'), <ThumbsUp />)}
      {button('dislike', t('logs.bad'), <ThumbsDown />)}
      {app.mode !== 'completion' && (
        <Tooltip text={annotate}>
          <Button
            variant="ghost"
            size="icon-xs"
            aria-label={annotate}
            className={cn(message.saved_annotation_id && 'bg-accent-soft text-accent-ink')}
            onClick={() => setAnnotating(true)}
          >
            <BookMarked />
          </Button>
        </Tooltip>
      )}
      {annotating && <AnnotateDialog app={app} message={message} onClose={() => setAnnotating(false)} />}
    </>
  );
}

function Trace({ app, message, openAtFirst }: { app: App; message: LogMessage; openAtFirst: boolean }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(openAtFirst);
  return (
    <section className="border-t">
      <h3>
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex w-full items-center gap-2 px-4 py-2 text-ink-2 text-xs hover:text-ink"
        >
          <ChevronDown className={cn('size-3.5 transition-transform', !open && '-rotate-90')} aria-hidden />
          {t('logs.trace')}
          <span className="text-ink-3">{t('logs.traceText')}</span>
        </button>
      </h3>
      {open && (
        <div className="px-4 pb-4">
          {message.run_id ? (
            <RunTrace app={app} runId={message.run_id} begun={message.created_at} />
          ) : message.trace.length > 0 ? (
            <Waterfall bars={barsOfTrace(message.trace)} />
          ) : (
            <p className="text-ink-3 text-sm">{t('logs.traceEmpty')}</p>
          )}
        </div>
      )}
    </section>
  );
}

function RunTrace({ app, runId, begun }: { app: App; runId: string; begun: string }) {
  const nodes = useQuery(runNodesQuery(app.id, runId));
  if (!nodes.data) return <Skeleton className="h-32" />;
  return <NodesTrace nodes={nodes.data.data} begun={begun} />;
}

function Thoughts({ message }: { message: LogMessage }) {
  const { t } = useTranslation();
  const steps = message.thoughts.filter((thought) => thought.tool || thought.thought !== message.answer);
  if (steps.length === 0) return null;
  return (
    <details className="mb-2 rounded-lg border bg-sunken/60 px-3 py-2 text-sm">
      <summary className="text-ink-2 text-xs">{t('logs.thoughts')}</summary>
      <ol className="mt-2 space-y-3">
        {steps.map((thought) => (
          <li key={thought.id} className="space-y-1.5">
            {thought.thought && <p className="whitespace-pre-wrap break-words text-ink-2">{thought.thought}</p>}
            {thought.tool && (
              <div className="rounded-md border bg-surface px-2.5 py-1.5">
                <p className="font-medium text-xs">{thought.tool.split(';').join(', ')}</p>
                {[
                  [t('logs.toolInput'), thought.tool_input],
                  [t('logs.observation'), thought.observation],
                ].map(
                  ([name, text]) =>
                    text && (
                      <p key={name} className="mt-1 break-words font-mono text-2xs text-ink-2">
                        <span className="font-sans text-ink-3">{name}: </span>
                        {text}
                      </p>
                    ),
                )}
              </div>
            )}
          </li>
        ))}
      </ol>
    </details>
  );
}

interface LogFile {
  id: string;
  filename: string;
  type: string;
  url: string | null;
  belongs_to: 'user' | 'assistant';
}

const shown = (files: LogFile[], side: LogFile['belongs_to']) =>
  files
    .filter((file) => file.belongs_to === side)
    .map(({ type, url, filename }) => fileOf({ type, url, name: filename }));
