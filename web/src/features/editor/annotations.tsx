import { useQuery } from '@tanstack/react-query';
import { BookMarked, PencilLine, Plus, Trash2 } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Feature } from '@/components/app-features/group';
import { FormError } from '@/components/form-error';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Skeleton } from '@/components/ui/skeleton';
import { Slider } from '@/components/ui/slider';
import { modelsQuery } from '@/lib/api/queries';
import type { Annotation, App } from '@/lib/api/types';
import { annotationsQuery, useAnnotationReply, useDeleteAnnotation, useSaveAnnotation } from './queries';

const DEFAULT_THRESHOLD = 0.9;

/** Saved answers belong to the app, not to a draft: they work for callers at once. */
export function AnnotationFeature({ app, disabled }: { app: App; disabled: boolean }) {
  const { t } = useTranslation();
  const reply = useAnnotationReply(app.id);
  const [managing, setManaging] = useState(false);
  const stored = app.annotation_reply.score_threshold ?? DEFAULT_THRESHOLD;
  const [threshold, setThreshold] = useState(stored);
  useEffect(() => setThreshold(stored), [stored]);
  const { data: models } = useQuery(modelsQuery);
  const embeddings = models?.filter((model) => model.kind === 'text-embedding' && model.status === 'ready') ?? [];
  const embedding =
    app.annotation_reply.embedding_model?.name ?? (embeddings.find((model) => model.is_default) ?? embeddings[0])?.name;
  const enabled = reply.isPending ? (reply.variables?.enabled ?? false) : app.annotation_reply.enabled;
  return (
    <Feature
      icon={<BookMarked />}
      title={t('editor.featureAnnotation')}
      text={t('editor.featureAnnotationText')}
      enabled={enabled}
      onToggle={(on) => reply.mutate({ enabled: on, score_threshold: threshold })}
      disabled={disabled}
      busy={reply.isPending}
    >
      <div className="max-w-72">
        <p className="flex justify-between font-medium text-sm">
          {t('editor.annotationThreshold')}
          <span className="tabular-nums">{threshold.toFixed(2)}</span>
        </p>
        <Slider
          aria-label={t('editor.annotationThreshold')}
          min={0.5}
          max={1}
          step={0.01}
          value={[threshold]}
          onValueChange={([next]) => next !== undefined && setThreshold(next)}
          onValueCommit={([next]) => next !== undefined && reply.mutate({ enabled: true, score_threshold: next })}
          disabled={disabled}
        />
        <p className="text-ink-3 text-xs">{t('editor.annotationThresholdText')}</p>
      </div>
      {models && (
        <p className="text-ink-3 text-xs">
          {embedding ? t('features.annotationBy', { model: embedding }) : t('features.annotationByText')}
        </p>
      )}
      <Button onClick={() => setManaging(true)}>{t('editor.manageAnnotations')}</Button>
      {managing && <AnnotationsDialog app={app} disabled={disabled} onClose={() => setManaging(false)} />}
    </Feature>
  );
}

function AnnotationsDialog({ app, disabled, onClose }: { app: App; disabled: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const annotations = useQuery(annotationsQuery(app.id));
  const remove = useDeleteAnnotation(app.id);
  const [editing, setEditing] = useState<Annotation | 'new' | null>(null);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      variant="side"
      title={t('editor.annotations')}
      description={t('editor.featureAnnotationText')}
    >
      {editing ? (
        <AnnotationForm app={app} annotation={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />
      ) : (
        <>
          {!disabled && (
            <Button className="mb-3" onClick={() => setEditing('new')}>
              <Plus />
              {t('editor.addAnnotation')}
            </Button>
          )}
          {annotations.isPending ? (
            <div className="space-y-2">
              <Skeleton className="h-16" />
              <Skeleton className="h-16" />
            </div>
          ) : annotations.isError ? (
            <ErrorState error={annotations.error} onRetry={() => void annotations.refetch()} />
          ) : annotations.data.length === 0 ? (
            <EmptyState icon={<BookMarked />} title={t('editor.annotationsEmpty')} />
          ) : (
            <ul className="space-y-2">
              {annotations.data.map((annotation) => (
                <li key={annotation.id} className="rounded-lg border border-line bg-surface p-3">
                  <div className="flex items-start gap-2">
                    <p className="grow font-medium text-sm">{annotation.question}</p>
                    {!disabled && (
                      <>
                        <Button
                          variant="ghost"
                          size="icon-xs"
                          aria-label={`${t('common.edit')}: ${annotation.question}`}
                          onClick={() => setEditing(annotation)}
                        >
                          <PencilLine />
                        </Button>
                        <Button
                          variant="ghost"
                          size="icon-xs"
                          aria-label={`${t('common.delete')}: ${annotation.question}`}
                          onClick={() => remove.mutate(annotation.id)}
                        >
                          <Trash2 />
                        </Button>
                      </>
                    )}
                  </div>
                  <p className="mt-1 whitespace-pre-wrap text-ink-2 text-sm">{annotation.answer}</p>
                  <p className="mt-1.5 text-ink-3 text-xs">
                    {t('editor.annotationHits', { count: annotation.hit_count })}
                  </p>
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </Dialog>
  );
}

function AnnotationForm({
  app,
  annotation,
  onClose,
}: {
  app: App;
  annotation: Annotation | null;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const save = useSaveAnnotation(app.id);
  const [question, setQuestion] = useState(annotation?.question ?? '');
  const [answer, setAnswer] = useState(annotation?.answer ?? '');
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(
          { ...(annotation ? { id: annotation.id } : {}), question: question.trim(), answer: answer.trim() },
          { onSuccess: onClose },
        );
      }}
    >
      <Field label={t('editor.annotationQuestion')}>
        {(control) => (
          <Input {...control} autoFocus value={question} onChange={(event) => setQuestion(event.target.value)} />
        )}
      </Field>
      <Field label={t('editor.annotationAnswer')}>
        {(control) => (
          <Textarea {...control} rows={6} value={answer} onChange={(event) => setAnswer(event.target.value)} />
        )}
      </Field>
      <FormError error={save.error} />
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button type="submit" variant="primary" busy={save.isPending} disabled={!question.trim() || !answer.trim()}>
          {t('common.save')}
        </Button>
      </div>
    </form>
  );
}
