import { createFileRoute, Link, Outlet } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Page } from '@/components/page';
import { atLeast } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/settings')({ component: Settings });

const link =
  'flex h-8 items-center whitespace-nowrap rounded-md px-2.5 text-ink-2 text-sm hover:bg-hover hover:text-ink data-[status=active]:bg-hover data-[status=active]:font-medium data-[status=active]:text-ink';

function Settings() {
  const { t } = useTranslation();
  const { session } = Route.useRouteContext();
  const admin = atLeast(session.workspace.role, 'admin');
  return (
    <Page wide title={t('settings.title')}>
      <div className="flex max-w-5xl flex-col gap-x-10 gap-y-5 md:flex-row">
        <nav aria-label={t('settings.nav')} className="flex shrink-0 gap-1 overflow-x-auto md:w-44 md:flex-col">
          {admin && (
            <>
              <p className="hidden px-2.5 pb-1 text-ink-3 text-xs md:block">{t('settings.workspace')}</p>
              <Link to="/settings/workspace" className={link}>
                {t('workspace.general')}
              </Link>
              <Link to="/settings/members" className={link}>
                {t('nav.members')}
              </Link>
              <Link to="/settings/keys" className={link}>
                {t('workspace.keys')}
              </Link>
              <Link to="/settings/secrets" className={link}>
                {t('secrets.title')}
              </Link>
              <Link to="/settings/audit" className={link}>
                {t('workspace.audit')}
              </Link>
            </>
          )}
          <p className="mt-4 hidden px-2.5 pb-1 text-ink-3 text-xs first:mt-0 md:block">{t('settings.personal')}</p>
          <Link to="/settings/account" className={link}>
            {t('nav.account')}
          </Link>
          <Link to="/settings/about" className={link}>
            {t('workspace.about')}
          </Link>
        </nav>
        <div className="min-w-0 grow">
          <Outlet />
        </div>
      </div>
    </Page>
  );
}
