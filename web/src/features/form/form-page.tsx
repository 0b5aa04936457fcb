import { useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleCheck, CircleSlash, Clock, FileQuestion, RotateCw, UserCheck, WifiOff } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { AppIcon } from '@/components/app-icon';
import { LanguageMenu, ThemePicker } from '@/components/appearance';
import { formQuery, type LinkedForm, settleForm } from '@/components/form/queries';
import { Questions } from '@/components/form/questions';
import { Wordmark } from '@/components/mark';
import { Markdown } from '@/components/markdown';
import { Keystone } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { ApiError, errorMessage } from '@/lib/api/errors';
import { formatAgo, formatDate } from '@/lib/format';

/** Longest wait that a timer of a browser takes. */
const LONGEST_MS = 2 ** 31 - 1;

/** The page behind a form's link, for somebody who may never have heard of this server. */
export function FormPage({ token }: { token: string }) {
  const { t } = useTranslation();
  const { data: form, error, isFetching, refetch } = useQuery(formQuery(token));
  useEffect(() => {
    document.title = form ? `${form.title} · ${form.app.name}` : 'Ashlar';
  }, [form]);
  return (
    <div className="flex min-h-full flex-col">
      <header className="mx-auto flex w-full max-w-2xl items-center justify-between gap-3 px-4 pt-4 sm:px-6">
        <span className="flex min-w-0 items-center gap-2.5">
          {form && (
            <>
              <AppIcon app={form.app} size="sm" />
              <span className="truncate font-medium">{form.app.name}</span>
            </>
          )}
        </span>
        <span className="flex shrink-0 items-center gap-1 sm:gap-2">
          <LanguageMenu />
          {/* a phone's own setting will do */}
          <span className="max-sm:hidden">
            <ThemePicker compact />
          </span>
        </span>
      </header>
      <main className="mx-auto w-full max-w-2xl grow px-4 py-6 sm:px-6 sm:py-10">
        {form ? (
          <Standing token={token} form={form} />
        ) : !error ? (
          <div className="space-y-4" aria-busy="true">
            <Skeleton className="h-8 w-2/3" />
            <Skeleton className="h-48" />
          </div>
        ) : error instanceof ApiError && error.status === 404 ? (
          <Notice icon={<FileQuestion />} title={t('form.missingTitle')} text={t('form.missingText')} />
        ) : (
          <Notice icon={<WifiOff />} title={t('form.failedTitle')} text={errorMessage(error, t)}>
            <Button size="md" busy={isFetching} onClick={() => void refetch()}>
              <RotateCw />
              {t('common.retry')}
            </Button>
          </Notice>
        )}
      </main>
      <footer className="flex justify-center px-4 pb-5 text-ink-3">
        <Wordmark className="text-sm [&_svg]:size-4" />
      </footer>
    </div>
  );
}

function Standing({ token, form }: { token: string; form: LinkedForm }) {
  const { t, i18n } = useTranslation();
  const date = (iso: string) => formatDate(iso, i18n.language);
  // Whoever saw the form and then sees this has just done something: they are told.
  const [wasOpen] = useState(form.standing === 'waiting');
  const { answer } = form;
  if (form.questions) {
    return (
      <>
        <h1 className="text-balance font-semibold text-2xl tracking-tight">{form.title}</h1>
        <Deadline token={token} iso={form.expires_at} />
        <div className="mt-5 rounded-xl border bg-surface p-4 shadow-1 sm:p-6">
          <Questions token={token} questions={form.questions} />
        </div>
      </>
    );
  }
  if (answer?.is_yours) {
    return (
      <Notice
        icon={<CircleCheck />}
        isNews={wasOpen}
        title={t('form.sentTitle')}
        text={t('form.sentText', { action: answer.action, date: date(answer.answered_at) })}
      >
        {answer.content?.trim() && (
          <section
            aria-labelledby="sent"
            className="w-full rounded-xl border bg-surface p-4 text-left shadow-1 sm:p-6 [&_p]:whitespace-pre-line"
          >
            <h2 id="sent" className="mb-3 font-medium text-ink-2 text-sm">
              {form.title}
            </h2>
            <Markdown text={answer.content} />
          </section>
        )}
      </Notice>
    );
  }
  if (answer) {
    const text = t('form.takenText', { action: answer.action, date: date(answer.answered_at) });
    return <Notice icon={<UserCheck />} of={form.title} isNews={wasOpen} title={t('form.takenTitle')} text={text} />;
  }
  if (form.standing === 'run_ended') {
    return (
      <Notice
        icon={<CircleSlash />}
        of={form.title}
        isNews={wasOpen}
        title={t('form.endedTitle')}
        text={t('form.endedText')}
      />
    );
  }
  const text = t('form.expiredText', { date: date(form.expires_at) });
  return <Notice icon={<Clock />} of={form.title} isNews={wasOpen} title={t('form.expiredTitle')} text={text} />;
}

/** Until when the form can be answered; looks again when that time has come. */
function Deadline({ token, iso }: { token: string; iso: string }) {
  const { t, i18n } = useTranslation();
  const client = useQueryClient();
  useEffect(() => {
    const left = new Date(iso).getTime() - Date.now() + 1000;
    if (left > LONGEST_MS) return;
    const timer = setTimeout(() => void settleForm(client, token), Math.max(left, 1000));
    return () => clearTimeout(timer);
  }, [iso, token, client]);
  return (
    <p className="mt-1 text-ink-2 text-sm">
      <time dateTime={iso}>
        {t('form.until', { date: formatDate(iso, i18n.language), left: formatAgo(iso, i18n.language) })}
      </time>
    </p>
  );
}

interface NoticeProps {
  icon: ReactNode;
  title: string;
  text: string;
  /** The form's. */
  of?: string;
  /** It came while somebody was looking: screen readers are taken there. */
  isNews?: boolean;
  children?: ReactNode;
}

function Notice({ icon, title, text, of, isNews, children }: NoticeProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (isNews) heading.current?.focus();
  }, [isNews]);
  return (
    <div className="flex flex-col items-center pt-[6vh] text-center">
      <Keystone>{icon}</Keystone>
      {of && <p className="mb-1 text-ink-2 text-sm">{of}</p>}
      <h1 ref={heading} tabIndex={-1} className="text-balance font-semibold text-xl tracking-tight outline-none">
        {title}
      </h1>
      <p className="mt-1.5 max-w-md text-balance text-ink-2">{text}</p>
      {children && <div className="mt-6 flex w-full flex-col items-center">{children}</div>}
    </div>
  );
}
