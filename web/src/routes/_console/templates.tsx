import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { z } from 'zod';
import { CATEGORIES, type TemplatesFilter } from '@/features/templates/search';
import { TemplatesPage } from '@/features/templates/templates-page';
import { atLeast, templatesQuery } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/templates')({
  validateSearch: z.object({
    keyword: z.string().optional().catch(undefined),
    category: z.enum(CATEGORIES).optional().catch(undefined),
  }),
  loader: ({ context }) => void context.queryClient.prefetchQuery(templatesQuery),
  component: Templates,
});

function Templates() {
  const { session } = Route.useRouteContext();
  const { keyword, category } = Route.useSearch();
  const navigate = useNavigate();
  const filter: TemplatesFilter = { ...(keyword ? { keyword } : {}), ...(category ? { category } : {}) };
  return (
    <TemplatesPage
      filter={filter}
      onFilter={(next) => void navigate({ to: '/templates', search: next, replace: true })}
      canEdit={atLeast(session.workspace.role, 'editor')}
      onCreated={(app) => void navigate({ to: '/apps/$appId', params: { appId: app.id } })}
    />
  );
}
