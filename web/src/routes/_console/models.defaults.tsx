import { createFileRoute } from '@tanstack/react-router';
import { AdminOnly } from '@/components/admin-only';
import { DefaultModelsPage } from '@/features/models/defaults';

export const Route = createFileRoute('/_console/models/defaults')({ component: Defaults });

function Defaults() {
  const { session } = Route.useRouteContext();
  return (
    <AdminOnly session={session}>
      <DefaultModelsPage />
    </AdminOnly>
  );
}
