import { createFileRoute } from '@tanstack/react-router';
import { AdminOnly } from '@/components/admin-only';
import { EnginePage } from '@/features/engine/engine-page';

export const Route = createFileRoute('/_console/engine')({ component: Engine });

function Engine() {
  const { session } = Route.useRouteContext();
  return (
    <AdminOnly session={session}>
      <EnginePage />
    </AdminOnly>
  );
}
