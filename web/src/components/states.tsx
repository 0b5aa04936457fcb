import { type ErrorComponentProps, Link, useRouter } from '@tanstack/react-router';
import { CircleAlert, RotateCw } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError, errorMessage } from '@/lib/api/errors';
import { cn } from '@/lib/cn';
import { Button } from './ui/button';

export function EmptyState({
  icon,
  title,
  text,
  children,
  className,
}: {
  icon?: ReactNode;
  title: string;
  text?: ReactNode;
  children?: ReactNode;
  className?: string;
}) {
  return (
    <div className={cn('flex flex-col items-center px-6 py-12 text-center', className)}>
      {icon && (
        <div className="mb-3.5 flex size-11 items-center justify-center rounded-xl border border-line bg-sunken text-ink-3 [&_svg]:size-5">
          {icon}
        </div>
      )}
      <p className="font-semibold text-base text-ink">{title}</p>
      {text && <p className="mt-1 max-w-sm text-ink-2 text-sm">{text}</p>}
      {children && <div className="mt-4 flex flex-wrap justify-center gap-2">{children}</div>}
    </div>
  );
}

export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const missing = error instanceof ApiError && error.status === 404;
  return (
    <EmptyState
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
  return (
    <div className="flex min-h-[60vh] items-center justify-center">
      <ErrorState error={new ApiError(404, 'not_found', '')} />
    </div>
  );
}
