import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { CircleAlert, RotateCw } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError, errorMessage } from '@/lib/api/errors';
import { cn } from '@/lib/cn';
import { useTitle } from '@/lib/title';
import { Button } from './ui/button';

export function EmptyState({
  icon,
  title,
  text,
  children,
  className,
  heading: Title = 'p',
}: {
  icon?: ReactNode;
  title: string;
  text?: ReactNode;
  children?: ReactNode;
  className?: string;
  /** What the title is: `h1` where this is the whole page. */
  heading?: 'p' | 'h1';
}) {
  return (
    <div className={cn('flex flex-col items-center px-6 py-12 text-center', className)}>
      {icon && <Keystone>{icon}</Keystone>}
      <Title className="font-semibold text-base text-ink">{title}</Title>
      {text && <p className="mt-1 max-w-sm text-balance text-ink-2 text-sm">{text}</p>}
      {children && <div className="mt-4 flex flex-wrap justify-center gap-2">{children}</div>}
    </div>
  );
}

/** An icon as the stone that closes a wall; the courses around it fade away. */
export function Keystone({ children }: { children: ReactNode }) {
  return (
    <div
      aria-hidden
      className="mb-4 flex w-60 max-w-full flex-col gap-1 [mask-image:linear-gradient(to_right,transparent,black_38%,black_62%,transparent)]"
    >
      <Course widths={[30, 44, 26]} />
      <div className="flex gap-1">
        <Stone className="h-11 grow" />
        <span className="flex h-11 w-16 items-center justify-center rounded-sm border border-accent-line bg-accent-soft text-accent-ink [&_svg]:size-5">
          {children}
        </span>
        <Stone className="h-11 grow" />
      </div>
      <Course widths={[42, 34, 24]} />
    </div>
  );
}

const Course = ({ widths }: { widths: number[] }) => (
  <div className="flex gap-1">
    {widths.map((width) => (
      <Stone key={width} className="h-4" width={`${width}%`} />
    ))}
  </div>
);

const Stone = ({ className, width }: { className: string; width?: string }) => (
  <span className={cn('rounded-sm bg-hover', className)} style={{ width }} />
);

interface ErrorStateProps {
  error: unknown;
  onRetry?: () => void;
  heading?: 'p' | 'h1';
}

export function ErrorState({ error, onRetry, heading = 'p' }: ErrorStateProps) {
  const { t } = useTranslation();
  const missing = error instanceof ApiError && error.status === 404;
  return (
    <EmptyState
      heading={heading}
      icon={<CircleAlert />}
      title={missing ? t('errors.pageNotFound') : t('errors.title')}
      text={missing ? t('errors.pageNotFoundText') : errorMessage(error, t)}
    >
      {!missing && onRetry && (
        <Button onClick={onRetry}>
          <RotateCw />
          {t('common.retry')}
        </Button>
      )}
      <Button asChild variant={missing ? 'secondary' : 'ghost'}>
        <Link to="/apps">{t('errors.toApps')}</Link>
      </Button>
    </EmptyState>
  );
}

/** What a route shows when it or its loader throws. */
export function RouteError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  return (
    <div className="flex min-h-[60vh] items-center justify-center">
      <ErrorState
        heading="h1"
        error={error}
        onRetry={() => {
          reset();
          void router.invalidate();
        }}
      />
    </div>
  );
}

export function NotFound() {
  const { t } = useTranslation();
  useTitle(t('errors.pageNotFound'));
  return (
    <div className="flex min-h-[60vh] items-center justify-center">
      <ErrorState heading="h1" error={new ApiError(404, 'not_found', '')} />
    </div>
  );
}
