import { useQuery } from '@tanstack/react-query';
import { CircleCheck } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { formQuery } from '@/components/form/queries';
import { Questions } from '@/components/form/questions';
import { Skeleton } from '@/components/ui/skeleton';
import { errorMessage } from '@/lib/api/errors';
import { formatDate } from '@/lib/format';

/** A form inside of another page: its questions, or that they are settled. */
export function InlineForm({ token }: { token: string }) {
  const { t, i18n } = useTranslation();
  const { data: form, error } = useQuery(formQuery(token));
  if (error) return <p className="text-danger text-sm">{errorMessage(error, t)}</p>;
  if (!form) return <Skeleton className="h-32" />;
  if (form.questions) {
    return (
      <>
        <h3 className="mb-3 font-semibold text-base">{form.title}</h3>
        <Questions token={token} questions={form.questions} />
      </>
    );
  }
  const { answer } = form;
  return (
    <p className="flex items-center gap-2 text-ink-2 text-sm">
      <CircleCheck className="size-4 shrink-0 text-accent" aria-hidden />
      {answer
        ? t('form.takenText', { action: answer.action, date: formatDate(answer.answered_at, i18n.language) })
        : t(form.standing === 'run_ended' ? 'form.endedTitle' : 'form.expiredTitle')}
    </p>
  );
}
