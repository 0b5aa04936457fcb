import { createFileRoute } from '@tanstack/react-router';
import { ModelsPage } from '@/features/models/models-page';
import { atLeast, modelsQuery } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/models/')({
  loader: ({ context }) => void context.queryClient.prefetchQuery(modelsQuery),
  component: Models,
});

function Models() {
  const { session } = Route.useRouteContext();
  const { role } = session.workspace;
  return <ModelsPage admin={atLeast(role, 'admin')} canTry={atLeast(role, 'editor')} />;
}
