import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Textarea } from '@/components/ui/input';
import type { App } from '@/lib/api/types';
import { type LogMessage, useAnnotate } from './queries';

/** Keeps an answer, or a better one, for whoever asks the same again. */
export function AnnotateDialog({ app, message, onClose }: { app: App; message: LogMessage; onClose: () => void }) {
  const { t } = useTranslation();
  const save = useAnnotate(app.id);
  const [question, setQuestion] = useState(message.query);
  const [answer, setAnswer] = useState(message.answer);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(message.saved_annotation_id ? 'logs.annotateEdit' : 'logs.annotate')}
      description={t('logs.annotateText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            type="submit"
            form="annotate"
            variant="primary"
            busy={save.isPending}
            disabled={!question.trim() || !answer.trim()}
          >
            {t('common.save')}
          </Button>
        </>
      }
    >
      <form
        id="annotate"
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(
            { id: message.id, body: { question, answer } },
            {
              onSuccess: () => {
                toast.success(t('logs.annotateSaved'));
                onClose();
              },
            },
          );
        }}
      >
        <Field label={t('logs.annotateQuestion')}>
          {(control) => (
            <Textarea {...control} rows={2} value={question} onChange={(event) => setQuestion(event.target.value)} />
          )}
        </Field>
        <Field label={t('logs.annotateAnswer')}>
          {(control) => (
            <Textarea {...control} rows={7} value={answer} onChange={(event) => setAnswer(event.target.value)} />
          )}
        </Field>
        <FormError error={save.error} />
      </form>
    </Dialog>
  );
}
