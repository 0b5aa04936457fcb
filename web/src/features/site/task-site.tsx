import { Play, Sparkles, Square, ThumbsDown, ThumbsUp } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { CopyIcon } from '@/components/copy';
import { AttachButtons } from '@/components/files/attach-buttons';
import { ChosenFiles } from '@/components/files/chosen-files';
import { DropZone } from '@/components/files/drop-zone';
import { useAttachments } from '@/components/files/use-attachments';
import { Button } from '@/components/ui/button';
import { Segmented } from '@/components/ui/segmented';
import { errorMessage } from '@/lib/api/errors';
import { cn } from '@/lib/cn';
import type { Attachment } from '@/lib/files';
import type { AnswerState } from './answer';
import { AnswerView, type RenderForm } from './answer-view';
import type { OpenedSite, SiteClient } from './api';
import { Batch } from './batch';
import { initialValues, type Problem, problemsOf, readForm, wireInputs } from './form';
import { InputsForm } from './inputs-form';
import { useAnswer } from './use-answer';

interface TaskSiteProps {
  site: OpenedSite;
  client: SiteClient;
  renderForm: RenderForm;
}

/** A form and what comes of it: text generators and workflows. Tables are run line by line. */
export function TaskSite({ site, client, renderForm }: TaskSiteProps) {
  const { t } = useTranslation();
  const form = useMemo(() => readForm(site), [site]);
  const [tab, setTab] = useState<'one' | 'batch'>('one');
  const canBatch =
    form.fields.some((field) => !field.files) && !form.fields.some((field) => field.files && field.required);
  const kind = site.mode === 'workflow' ? 'workflow' : 'completion';
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto max-w-6xl px-4 py-6 sm:px-6">
        <div className="mb-5 flex flex-wrap items-end justify-between gap-3">
          <div className="min-w-0">
            <h1 className="font-semibold text-xl tracking-tight">{site.site.title}</h1>
            {site.site.description && <p className="mt-0.5 max-w-2xl text-ink-2">{site.site.description}</p>}
          </div>
          {canBatch && (
            <Segmented
              label={t('site.run')}
              value={tab}
              onChange={setTab}
              options={[
                { value: 'one', label: t('site.one') },
                { value: 'batch', label: t('site.batch') },
              ]}
            />
          )}
        </div>
        {/* both stay as they are while the other is looked at */}
        <div className={cn(tab !== 'one' && 'hidden')}>
          <Single site={site} client={client} kind={kind} renderForm={renderForm} />
        </div>
        {canBatch && (
          <div className={cn(tab !== 'batch' && 'hidden')}>
            <Batch name={site.site.title} client={client} kind={kind} fields={form.fields} />
          </div>
        )}
      </div>
    </div>
  );
}

function Single({ site, client, kind, renderForm }: TaskSiteProps & { kind: 'completion' | 'workflow' }) {
  const { t } = useTranslation();
  const form = useMemo(() => readForm(site), [site]);
  const rules = kind === 'completion' ? form.files : null;
  const { ask, stop } = useAnswer(client, kind);
  const [values, setValues] = useState(() => initialValues(form.fields));
  const [problems, setProblems] = useState<Record<string, Problem>>({});
  const [files, setFiles] = useState<Attachment[]>([]);
  const [answer, setAnswer] = useState<AnswerState | null>(null);
  const [rating, setRating] = useState<'like' | 'dislike' | null>(null);
  const attachments = useAttachments(rules, client.upload, files, setFiles);
  const isBusy = answer?.status === 'waiting' || answer?.status === 'streaming' || answer?.status === 'paused';

  const run = () => {
    const wrong = problemsOf(form.fields, values);
    setProblems(wrong);
    if (Object.keys(wrong).length > 0 || attachments.isUploading) return;
    setRating(null);
    const sent = files.flatMap((file) => file.sent ?? []);
    void ask({ inputs: wireInputs(form.fields, values), ...(sent.length > 0 ? { files: sent } : {}) }, setAnswer);
  };
  const rate = (wanted: 'like' | 'dislike') => {
    if (!answer?.messageId) return;
    const next = rating === wanted ? null : wanted;
    client.rate(answer.messageId, next).then(
      () => {
        setRating(next);
        if (next) toast.success(t('site.rated'));
      },
      (error: unknown) => toast.error(errorMessage(error, t)),
    );
  };
  return (
    <DropZone rules={rules} onFiles={attachments.addFiles} className="grid items-start gap-4 lg:grid-cols-2">
      <form
        noValidate
        className="space-y-4 rounded-xl border bg-surface p-4 shadow-1 sm:p-5"
        onSubmit={(event) => {
          event.preventDefault();
          run();
        }}
      >
        <InputsForm
          client={client}
          fields={form.fields}
          values={values}
          problems={problems}
          onChange={(update) => {
            setValues(update);
            setProblems({});
          }}
        />
        <ChosenFiles files={files} onRemove={attachments.remove} />
        <div className="flex items-center gap-1">
          <AttachButtons attachments={attachments} />
          {isBusy ? (
            <Button size="md" className="ml-auto" onClick={stop}>
              <Square className="size-3.5! fill-current" />
              {t('common.stop')}
            </Button>
          ) : (
            <Button type="submit" variant="primary" size="md" className="ml-auto" disabled={attachments.isUploading}>
              <Play />
              {t(answer ? 'site.runAgain' : 'site.run')}
            </Button>
          )}
        </div>
      </form>
      <section aria-label={t('site.result')} aria-live="polite" className="rounded-xl border bg-surface shadow-1">
        <h2 className="flex h-11 items-center border-b px-4 font-medium text-ink-2 text-sm">
          {t('site.result')}
          {answer?.status === 'done' && (
            <span className="ml-auto flex items-center gap-0.5">
              <CopyIcon text={answer.text || JSON.stringify(answer.outputs, null, 2)} label={t('site.copyAnswer')} />
              {answer.messageId &&
                (['like', 'dislike'] as const).map((one) => (
                  <Button
                    key={one}
                    variant="ghost"
                    size="icon-xs"
                    aria-label={t(one === 'like' ? 'site.good' : 'site.bad')}
                    aria-pressed={rating === one}
                    className={cn(rating === one && 'bg-accent-soft text-accent-ink')}
                    onClick={() => rate(one)}
                  >
                    {one === 'like' ? <ThumbsUp /> : <ThumbsDown />}
                  </Button>
                ))}
            </span>
          )}
        </h2>
        <div className="min-h-40 p-4">
          {answer ? (
            <AnswerView answer={answer} showSteps={site.site.show_workflow_steps} renderForm={renderForm} />
          ) : (
            <p className="flex flex-col items-center gap-2 py-8 text-ink-3 text-sm">
              <Sparkles className="size-5" aria-hidden />
              {t('site.resultEmpty')}
            </p>
          )}
        </div>
      </section>
    </DropZone>
  );
}
