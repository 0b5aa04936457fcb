import { createFileRoute, Link, Outlet } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Page } from '@/components/page';
import { PageTabs, pageTab } from '@/components/page-tabs';
import { atLeast } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/models')({ component: Models });

function Models() {
  const { t } = useTranslation();
  const { session } = Route.useRouteContext();
  return (
    <Page title={t('nav.models')} text={t('models.text')}>
      {atLeast(session.workspace.role, 'admin') && (
        <PageTabs label={t('nav.models')}>
          <Link to="/models" activeOptions={{ exact: true }} className={pageTab}>
            {t('models.tabModels')}
          </Link>
          <Link to="/models/providers" className={pageTab}>
            {t('nav.providers')}
          </Link>
          <Link to="/models/defaults" className={pageTab}>
            {t('models.defaults')}
          </Link>
        </PageTabs>
      )}
      <Outlet />
    </Page>
  );
}
