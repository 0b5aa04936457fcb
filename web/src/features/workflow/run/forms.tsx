import { useQuery } from '@tanstack/react-query';
import { Hand } from 'lucide-react';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { formQuery } from '@/components/form/queries';
import { Questions } from '@/components/form/questions';
import { Skeleton } from '@/components/ui/skeleton';
import type { Form } from './state';

/** Forms that a run of the draft waits for, answered right here. */
export function WaitingForms({ forms, onAnswered }: { forms: Form[]; onAnswered: () => void }) {
  return forms.map(
    (form) =>
      form.token && <WaitingForm key={form.formId} token={form.token} title={form.title} onAnswered={onAnswered} />,
  );
}

function WaitingForm({ token, title, onAnswered }: { token: string; title: string; onAnswered: () => void }) {
  const { t } = useTranslation();
  const { data } = useQuery(formQuery(token));
  const isSettled = data !== undefined && data.standing !== 'waiting';
  useEffect(() => {
    if (isSettled) onAnswered();
  }, [isSettled, onAnswered]);
  return (
    <section aria-label={title} className="rounded-lg border border-warn/50 bg-surface">
      <p className="flex items-center gap-2 rounded-t-lg bg-warn-soft px-3.5 py-2 font-medium text-sm text-warn-ink">
        <Hand className="size-4 shrink-0" aria-hidden />
        <span className="min-w-0 grow truncate">{title}</span>
        <span className="font-normal text-xs">{t('studio.run.waits')}</span>
      </p>
      <div className="px-3.5 py-3">
        {data?.questions ? (
          <Questions token={token} questions={data.questions} />
        ) : (
          !isSettled && <Skeleton className="h-24" />
        )}
      </div>
    </section>
  );
}
