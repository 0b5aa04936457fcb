import { Link } from '@tanstack/react-router';
import { ChevronLeft } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { AppIcon } from '@/components/app-icon';
import type { App } from '@/lib/api/types';
import { useTitle } from '@/lib/title';

const tab =
  'relative flex h-full items-center px-1 text-ink-2 text-sm transition-colors hover:text-ink data-[status=active]:font-medium data-[status=active]:text-ink data-[status=active]:after:absolute data-[status=active]:after:inset-x-0 data-[status=active]:after:-bottom-px data-[status=active]:after:h-0.5 data-[status=active]:after:rounded-full data-[status=active]:after:bg-accent';

/** The bar over an app's pages: which app, which page, and what the page can do. */
export function AppHeader({ app, menu, children }: { app: App; menu: ReactNode; children?: ReactNode }) {
  const { t } = useTranslation();
  useTitle(app.name);
  return (
    <header className="flex min-h-14 shrink-0 flex-wrap items-stretch gap-x-4 border-b bg-surface px-3 sm:px-4">
      <div className="flex h-14 min-w-0 items-center gap-2.5">
        <Link
          to="/apps"
          aria-label={t('errors.toApps')}
          className="rounded-md p-1.5 text-ink-3 hover:bg-hover hover:text-ink"
        >
          <ChevronLeft className="size-4" aria-hidden />
        </Link>
        <AppIcon app={app} size="sm" />
        <h1 className="min-w-0 max-w-56 truncate font-semibold text-base tracking-tight">{app.name}</h1>
        {menu}
      </div>
      <nav aria-label={t('app.tabs')} className="flex h-14 items-center gap-5">
        <Link
          to="/apps/$appId"
          params={{ appId: app.id }}
          activeOptions={{ exact: true, includeSearch: false }}
          className={tab}
        >
          {t('app.configure')}
        </Link>
        <Link to="/apps/$appId/api" params={{ appId: app.id }} className={tab}>
          {t('app.api')}
        </Link>
        <Link to="/apps/$appId/publish" params={{ appId: app.id }} className={tab}>
          {t('publish.tab')}
        </Link>
        <Link to="/apps/$appId/logs" params={{ appId: app.id }} className={tab}>
          {t('logs.title')}
        </Link>
        <Link to="/apps/$appId/monitoring" params={{ appId: app.id }} className={tab}>
          {t('monitoring.title')}
        </Link>
      </nav>
      <div className="ml-auto flex h-14 items-center gap-2">{children}</div>
    </header>
  );
}
