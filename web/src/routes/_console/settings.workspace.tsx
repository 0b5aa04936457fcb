import { createFileRoute } from '@tanstack/react-router';
import { AdminOnly } from '@/components/admin-only';
import { WorkspacePage } from '@/features/workspace/workspace-page';

export const Route = createFileRoute('/_console/settings/workspace')({ component: Workspace });

function Workspace() {
  const { session } = Route.useRouteContext();
  return (
    <AdminOnly session={session}>
      <WorkspacePage session={session} />
    </AdminOnly>
  );
}
