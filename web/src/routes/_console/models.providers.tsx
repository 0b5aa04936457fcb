import { createFileRoute } from '@tanstack/react-router';
import { AdminOnly } from '@/components/admin-only';
import { ProvidersPage } from '@/features/providers/providers-page';

export const Route = createFileRoute('/_console/models/providers')({ component: Providers });

function Providers() {
  const { session } = Route.useRouteContext();
  return (
    <AdminOnly session={session}>
      <ProvidersPage />
    </AdminOnly>
  );
}
