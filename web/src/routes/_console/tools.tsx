import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { Lock } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { EmptyState } from '@/components/states';
import { type ToolsFilter, TYPES } from '@/features/tools/search';
import { ToolsPage } from '@/features/tools/tools-page';
import { atLeast } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/tools')({
  validateSearch: z.object({
    type: z.enum(TYPES).optional().catch(undefined),
    keyword: z.string().optional().catch(undefined),
    open: z.string().optional().catch(undefined),
  }),
  component: Tools,
});

function Tools() {
  const { t } = useTranslation();
  const { session } = Route.useRouteContext();
  const search = Route.useSearch();
  const navigate = useNavigate();
  const { role } = session.workspace;
  if (!atLeast(role, 'editor'))
    return <EmptyState icon={<Lock />} title={t('settings.noAccess')} text={t('playground.noAccess')} />;
  return (
    <ToolsPage
      filter={Object.fromEntries(Object.entries(search).filter(([, value]) => value)) as ToolsFilter}
      onFilter={(next) => void navigate({ to: '/tools', search: next, replace: true })}
      admin={atLeast(role, 'admin')}
    />
  );
}
