import { createFileRoute } from '@tanstack/react-router';
import { AdminOnly } from '@/components/admin-only';
import { AuditPage } from '@/features/audit/audit-page';

export const Route = createFileRoute('/_console/settings/audit')({ component: Audit });

function Audit() {
  const { session } = Route.useRouteContext();
  return (
    <AdminOnly session={session}>
      <AuditPage />
    </AdminOnly>
  );
}
