import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { useTitle } from '@/lib/title';

/** A scrolling page with its heading. */
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
    <div className="h-full overflow-y-auto">
      <div className={cn('mx-auto px-5 pt-7 pb-16 sm:px-8', wide ? 'max-w-[84rem]' : 'max-w-4xl')}>
        <header className="mb-6 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
          <div className="min-w-0">
            <h1 className="font-semibold text-2xl text-ink tracking-tight">{title}</h1>
            {text && <p className="mt-1 max-w-2xl text-ink-2 text-sm">{text}</p>}
          </div>
          {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
        {children}
      </div>
    </div>
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
          {text && <p className="mt-0.5 max-w-2xl text-ink-3 text-sm">{text}</p>}
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
