import { ChevronDown, CircleAlert, CircleCheck, LoaderCircle, UserRoundPen } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { CodeBlock } from '@/components/code-block';
import { FileList, fileOf } from '@/components/files/file-list';
import { Laying } from '@/components/laying';
import { Markdown } from '@/components/markdown';
import { Badge } from '@/components/ui/badge';
import { ApiError, errorMessage } from '@/lib/api/errors';
import { isFiles } from '@/lib/file-values';
import type { AnswerState } from './answer';

/** Draws the form behind a token; it says itself when it is answered. */
export type RenderForm = (token: string) => ReactNode;

interface AnswerViewProps {
  answer: AnswerState;
  showSteps: boolean;
  renderForm: RenderForm;
}

/** An answer as it comes in. */
export function AnswerView({ answer, showSteps, renderForm }: AnswerViewProps) {
  const { t } = useTranslation();
  const isRunning = answer.status === 'waiting' || answer.status === 'streaming';
  const { error, outputs } = answer;
  return (
    <div className="min-w-0 space-y-3" aria-busy={isRunning}>
      {showSteps && answer.steps.length > 0 && <Steps answer={answer} />}
      {answer.thoughts.some((thought) => thought.tool) && <Thoughts answer={answer} />}
      {answer.text ? (
        <div className="text-base">
          <Markdown text={answer.text} />
        </div>
      ) : (
        outputs && <Outputs outputs={outputs} />
      )}
      <FileList files={answer.files.filter((file) => file.url).map(fileOf)} />
      {answer.status === 'waiting' && <Laying label={t('site.thinking')} />}
      {answer.status === 'paused' && (
        <div className="space-y-3">
          {answer.forms.map((form) => (
            <section key={form.token} aria-label={form.title} className="rounded-xl border bg-surface p-4 shadow-1">
              {renderForm(form.token)}
            </section>
          ))}
          <p className="flex items-center gap-2 text-ink-2 text-sm">
            <UserRoundPen className="size-4 shrink-0 text-ink-3" aria-hidden />
            {t('site.waitsForPerson')}
          </p>
        </div>
      )}
      {answer.status === 'stopped' && <Badge tone="warn">{t('site.stopped')}</Badge>}
      {answer.status === 'failed' && (
        <p role="alert" className="flex items-start gap-2 rounded-lg bg-danger-soft px-3 py-2 text-danger text-sm">
          <CircleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
          <span className="min-w-0 break-words">
            {error?.message && error.code === 'run_failed'
              ? error.message
              : errorMessage(new ApiError(error?.status ?? 0, error?.code ?? 'unknown', error?.message ?? ''), t)}
          </span>
        </p>
      )}
    </div>
  );
}

/** One text is shown as a text; of several each stands under its name. */
function Outputs({ outputs }: { outputs: Record<string, unknown> }) {
  const entries = Object.entries(outputs).filter(([, value]) => !isFiles(value));
  const only = entries.length === 1 ? entries[0] : undefined;
  if (only && typeof only[1] === 'string') return <Markdown text={only[1]} />;
  return (
    <dl className="space-y-3">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt className="mb-1 font-mono text-ink-3 text-xs">{name}</dt>
          <dd>
            {typeof value === 'string' ? (
              <Markdown text={value} />
            ) : (
              <CodeBlock code={JSON.stringify(value, null, 2)} />
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Steps({ answer }: { answer: AnswerState }) {
  const { t } = useTranslation();
  return (
    <details className="group rounded-lg border bg-sunken/60 text-sm" open={answer.status === 'waiting'}>
      <summary className="flex list-none items-center gap-2 px-3 py-2 text-ink-2 text-xs">
        <ChevronDown className="-rotate-90 size-3.5 transition-transform group-open:rotate-0" aria-hidden />
        {t('site.steps', { count: answer.steps.length })}
      </summary>
      <ol className="space-y-1 px-3 pb-2.5">
        {answer.steps.map((step) => (
          <li key={step.id} className="flex items-center gap-2 text-xs">
            {step.status === 'running' ? (
              <LoaderCircle className="size-3.5 shrink-0 animate-spin text-accent" aria-label={t('site.stepRunning')} />
            ) : step.status === 'failed' ? (
              <CircleAlert className="size-3.5 shrink-0 text-danger" aria-label={t('site.stepFailed')} />
            ) : (
              <CircleCheck className="size-3.5 shrink-0 text-accent" aria-hidden />
            )}
            <span className="min-w-0 grow truncate">{step.title}</span>
            {step.elapsed !== null && <span className="text-ink-3 tabular-nums">{step.elapsed.toFixed(2)} s</span>}
          </li>
        ))}
      </ol>
    </details>
  );
}

function Thoughts({ answer }: { answer: AnswerState }) {
  const { t } = useTranslation();
  return (
    <details className="group rounded-lg border bg-sunken/60 text-sm">
      <summary className="flex list-none items-center gap-2 px-3 py-2 text-ink-2 text-xs">
        <ChevronDown className="-rotate-90 size-3.5 transition-transform group-open:rotate-0" aria-hidden />
        {t('site.thoughts')}
      </summary>
      <ol className="space-y-2.5 px-3 pb-3">
        {answer.thoughts
          .filter((thought) => thought.tool)
          .map((thought) => (
            <li key={thought.id} className="space-y-1">
              <p className="font-medium text-xs">{thought.tool.split(';').join(', ')}</p>
              {thought.input && <p className="break-words font-mono text-2xs text-ink-3">{thought.input}</p>}
              {thought.observation && (
                <p className="break-words font-mono text-2xs text-ink-2">{thought.observation}</p>
              )}
            </li>
          ))}
      </ol>
    </details>
  );
}
