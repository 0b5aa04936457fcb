import { createFileRoute } from '@tanstack/react-router';
import { AdminOnly } from '@/components/admin-only';
import { MembersPage } from '@/features/members/members-page';

export const Route = createFileRoute('/_console/settings/members')({ component: Members });

function Members() {
  const { session } = Route.useRouteContext();
  return (
    <AdminOnly session={session}>
      <MembersPage session={session} />
    </AdminOnly>
  );
}
