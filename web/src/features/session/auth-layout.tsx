import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { LanguageMenu, ThemePicker } from '@/components/appearance';
import { Wall, Wordmark } from '@/components/mark';
import { useTitle } from '@/lib/title';

/** The frame of the pages before sign-in: the wall on the left, the form on the right. */
export function AuthLayout({ title, text, children }: { title: ReactNode; text?: ReactNode; children: ReactNode }) {
  const { t } = useTranslation();
  useTitle(typeof title === 'string' ? title : undefined);
  return (
    <div className="grid min-h-full lg:grid-cols-[minmax(0,5fr)_minmax(0,6fr)]">
      <aside className="relative hidden overflow-hidden bg-[oklch(0.235_0.012_75)] text-[oklch(0.93_0.006_85)] lg:flex lg:flex-col lg:p-12">
        <Wall className="absolute inset-x-0 bottom-0 h-[46%] w-full text-white" />
        <Wordmark className="relative text-lg [&_svg]:text-[oklch(0.72_0.1_180)]" />
        <div className="relative mt-[14vh] max-w-md">
          <p className="text-balance font-semibold text-[1.7rem] leading-[1.3] tracking-tight">{t('auth.tagline')}</p>
          <ul className="mt-7 space-y-3.5 text-[oklch(0.8_0.008_85)] text-base">
            {([1, 2, 3] as const).map((n) => (
              <li key={n} className="flex gap-3 text-balance">
                <span className="mt-2 h-1.5 w-3.5 shrink-0 rounded-[2px] bg-[oklch(0.72_0.1_180)]" aria-hidden />
                {t(`auth.point${n}`)}
              </li>
            ))}
          </ul>
        </div>
      </aside>
      <main className="flex min-h-full flex-col">
        <div className="flex items-center justify-between gap-3 p-4 sm:px-6">
          <Wordmark className="lg:invisible" />
          <div className="flex items-center gap-2">
            <LanguageMenu />
            <ThemePicker compact />
          </div>
        </div>
        <div className="flex grow items-center justify-center px-5 py-8">
          <div className="w-full max-w-sm">
            <h1 className="font-semibold text-2xl tracking-tight">{title}</h1>
            {text && <p className="mt-1.5 text-balance text-base text-ink-2">{text}</p>}
            <div className="mt-7">{children}</div>
          </div>
        </div>
      </main>
    </div>
  );
}
