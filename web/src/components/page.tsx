import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { useTitle } from '@/lib/title';

/** What scrolls; on every page its content begins at the same place, however wide that is. */
export function PageBody({ className, children }: { className?: string; children: ReactNode }) {
  return (
    <div className="h-full overflow-y-auto [scrollbar-gutter:stable]">
      <div className={cn('mx-auto max-w-[84rem] px-5 pb-16', className)}>{children}</div>
    </div>
  );
}

/** A page with its heading. */
export function Page({
  title,
  text,
  actions,
  wide,
  children,
}: {
  title: ReactNode;
  text?: ReactNode;
  actions?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}) {
  useTitle(typeof title === 'string' ? title : undefined);
  return (
    <PageBody className="pt-6 sm:px-8">
      <div className={wide ? undefined : 'max-w-4xl'}>
        <header className="mb-6 flex items-end justify-between gap-x-6 gap-y-3 max-sm:flex-wrap">
          <div className="min-w-0">
            <h1 className="font-semibold text-2xl text-ink leading-9 tracking-tight">{title}</h1>
            {text && <p className="max-w-2xl text-balance text-ink-2 text-sm">{text}</p>}
          </div>
          {actions && <div className="flex shrink-0 items-center gap-2 max-sm:flex-wrap">{actions}</div>}
        </header>
        {children}
      </div>
    </PageBody>
  );
}

/** A titled block of a settings page. */
export function Section({
  title,
  text,
  actions,
  children,
  className,
}: {
  title: ReactNode;
  text?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <section className={cn('mt-8 first:mt-0', className)}>
      <div className="mb-3 flex flex-wrap items-end justify-between gap-3">
        <div>
          <h2 className="font-semibold text-base text-ink">{title}</h2>
          {text && <p className="mt-0.5 max-w-2xl text-balance text-ink-3 text-sm">{text}</p>}
        </div>
        {actions}
      </div>
      {children}
    </section>
  );
}

export function Panel({ className, children }: { className?: string; children: ReactNode }) {
  return <div className={cn('rounded-xl border border-line bg-surface shadow-1', className)}>{children}</div>;
}
