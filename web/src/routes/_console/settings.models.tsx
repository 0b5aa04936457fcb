import { createFileRoute } from '@tanstack/react-router';
import { ModelsPage } from '@/features/models/models-page';
import { atLeast, modelsQuery } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/settings/models')({
  loader: ({ context }) => void context.queryClient.prefetchQuery(modelsQuery),
  component: Models,
});

function Models() {
  const { session } = Route.useRouteContext();
  return <ModelsPage admin={atLeast(session.workspace.role, 'admin')} />;
}
