import { Link } from '@tanstack/react-router';
import { ChartNoAxesColumn, ChevronLeft, Code, Globe, ScrollText, SlidersHorizontal } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { AppIcon } from '@/components/app-icon';
import type { App } from '@/lib/api/types';
import { useTitle } from '@/lib/title';

/** The bar over an app's pages: which app, which page, and what the page can do. Where it gets narrow, icons stand for words. */
export function AppHeader({ app, menu, children }: { app: App; menu: ReactNode; children?: ReactNode }) {
  const { t } = useTranslation();
  useTitle(app.name);
  return (
    <header className="@container shrink-0 border-b bg-surface">
      <div className="flex min-h-14 flex-wrap items-stretch gap-x-3 px-3 @min-[44rem]:flex-nowrap @5xl:gap-x-4 sm:px-4">
        <div className="flex h-14 min-w-0 items-center gap-2.5">
          <Link
            to="/apps"
            aria-label={t('errors.toApps')}
            className="rounded-md p-1.5 text-ink-3 hover:bg-hover hover:text-ink"
          >
            <ChevronLeft className="size-4" aria-hidden />
          </Link>
          <AppIcon app={app} size="sm" />
          <h1 className="min-w-0 max-w-56 truncate font-semibold text-base tracking-tight" title={app.name}>
            {app.name}
          </h1>
          {menu}
        </div>
        <nav aria-label={t('app.tabs')} className="flex h-14 shrink-0 items-center gap-1 @5xl:gap-5">
          <Tab app={app} to="/apps/$appId" exact icon={<SlidersHorizontal />} label={t('app.configure')} />
          <Tab app={app} to="/apps/$appId/api" icon={<Code />} label={t('app.api')} />
          <Tab app={app} to="/apps/$appId/publish" icon={<Globe />} label={t('publish.tab')} />
          <Tab app={app} to="/apps/$appId/logs" icon={<ScrollText />} label={t('logs.title')} />
          <Tab app={app} to="/apps/$appId/monitoring" icon={<ChartNoAxesColumn />} label={t('monitoring.title')} />
        </nav>
        <div className="ml-auto flex h-14 shrink-0 items-center gap-2">{children}</div>
      </div>
    </header>
  );
}

interface TabProps {
  app: App;
  to: `/apps/$appId${'' | '/api' | '/publish' | '/logs' | '/monitoring'}`;
  exact?: boolean;
  icon: ReactNode;
  label: string;
}

function Tab({ app, to, exact = false, icon, label }: TabProps) {
  return (
    <Link
      to={to}
      params={{ appId: app.id }}
      activeOptions={{ exact, includeSearch: false }}
      title={label}
      className="relative flex h-full items-center px-2 text-ink-2 text-sm transition-colors after:absolute after:inset-x-0 after:-bottom-px after:h-0.5 after:rounded-full hover:text-ink data-[status=active]:font-medium data-[status=active]:text-ink data-[status=active]:after:bg-accent @5xl:px-1 [&_svg]:size-4.5"
    >
      <span className="@5xl:hidden" aria-hidden>
        {icon}
      </span>
      <span className="sr-only @5xl:not-sr-only">{label}</span>
    </Link>
  );
}
