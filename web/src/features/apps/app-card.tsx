import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { AppIcon } from '@/components/app-icon';
import { Badge } from '@/components/ui/badge';
import { Skeleton } from '@/components/ui/skeleton';
import type { App, AppSummary } from '@/lib/api/types';
import { formatAgo } from '@/lib/format';
import { AppMenu } from './app-menu';

interface AppCardProps {
  app: AppSummary;
  canEdit: boolean;
  onDuplicated: (app: App) => void;
  onTag: (tag: string) => void;
}

export function AppCard({ app, canEdit, onDuplicated, onTag }: AppCardProps) {
  const { t, i18n } = useTranslation();
  return (
    <article className="group relative flex min-h-38 flex-col rounded-xl border border-line bg-surface p-4 shadow-1 transition-[border-color,box-shadow] hover:border-line-strong hover:shadow-2 focus-within:border-line-strong">
      <div className="flex items-start gap-3">
        <AppIcon app={app} />
        <div className="min-w-0 grow pr-7">
          <h2 className="truncate font-semibold text-base leading-5">
            <Link
              to="/apps/$appId"
              params={{ appId: app.id }}
              className="after:absolute after:inset-0 after:rounded-xl focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:outline-accent"
            >
              {app.name}
            </Link>
          </h2>
          <p className="mt-0.5 text-ink-3 text-xs">{t(`modes.${app.mode}`)}</p>
        </div>
      </div>
      <p className="mt-3 line-clamp-2 text-ink-2 text-sm">{app.description}</p>
      <div className="mt-auto flex items-center gap-2 pt-3 text-ink-3 text-xs">
        {app.published ? (
          <Badge tone="accent">
            <span className="size-1.5 rounded-full bg-accent" aria-hidden />
            {t('apps.published')}
          </Badge>
        ) : (
          <Badge>{t('apps.draft')}</Badge>
        )}
        {app.tags.slice(0, 2).map((tag) => (
          <button
            key={tag}
            type="button"
            className="relative z-10 h-5 max-w-24 truncate rounded bg-hover px-1.5 font-medium text-2xs text-ink-2 hover:bg-accent-soft hover:text-accent-ink"
            title={tag}
            onClick={() => onTag(tag)}
          >
            {tag}
          </button>
        ))}
        <span className="ml-auto truncate">{t('apps.updated', { ago: formatAgo(app.updated_at, i18n.language) })}</span>
      </div>
      <AppMenu
        app={app}
        canEdit={canEdit}
        onDuplicated={onDuplicated}
        className="absolute top-3 right-3 z-10 opacity-0 transition-opacity focus-visible:opacity-100 group-hover:opacity-100 data-[state=open]:opacity-100 pointer-coarse:opacity-100"
      />
    </article>
  );
}

export function AppCardSkeleton() {
  return (
    <div className="flex min-h-38 flex-col rounded-xl border border-line bg-surface p-4">
      <div className="flex gap-3">
        <Skeleton className="size-10 rounded-lg" />
        <div className="grow space-y-2 pt-0.5">
          <Skeleton className="h-4 w-2/3" />
          <Skeleton className="h-3 w-1/3" />
        </div>
      </div>
      <Skeleton className="mt-4 h-3 w-full" />
      <Skeleton className="mt-2 h-3 w-3/5" />
      <Skeleton className="mt-auto h-4 w-14" />
    </div>
  );
}
