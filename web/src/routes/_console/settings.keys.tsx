import { createFileRoute } from '@tanstack/react-router';
import { AdminOnly } from '@/components/admin-only';
import { KeysPage } from '@/features/keys/keys-page';

export const Route = createFileRoute('/_console/settings/keys')({ component: Keys });

function Keys() {
  const { session } = Route.useRouteContext();
  return (
    <AdminOnly session={session}>
      <KeysPage />
    </AdminOnly>
  );
}
