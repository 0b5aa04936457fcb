import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { Lock } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { EmptyState } from '@/components/states';
import { PlaygroundPage } from '@/features/playground/playground-page';
import { DEFAULT_MODEL, MAX_COLUMNS } from '@/features/playground/search';
import { atLeast, modelsQuery } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/playground')({
  validateSearch: z.object({
    models: z
      .array(z.string().regex(/^[^/]+\/.+/))
      .max(MAX_COLUMNS)
      .optional()
      .catch(undefined),
  }),
  loader: ({ context }) => void context.queryClient.prefetchQuery(modelsQuery),
  component: Playground,
});

function Playground() {
  const { t } = useTranslation();
  const { session } = Route.useRouteContext();
  const { models } = Route.useSearch();
  const navigate = useNavigate();
  if (!atLeast(session.workspace.role, 'editor'))
    return <EmptyState icon={<Lock />} title={t('settings.noAccess')} text={t('playground.noAccess')} />;
  return (
    <PlaygroundPage
      models={models?.length ? [...new Set(models)] : [DEFAULT_MODEL]}
      onModels={(next) => void navigate({ to: '/playground', search: { models: next }, replace: true })}
    />
  );
}
