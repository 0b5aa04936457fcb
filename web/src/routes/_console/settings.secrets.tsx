import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { z } from 'zod';
import { AdminOnly } from '@/components/admin-only';
import { KINDS } from '@/features/secrets/kinds';
import { SecretsPage } from '@/features/secrets/secrets-page';

export const Route = createFileRoute('/_console/settings/secrets')({
  validateSearch: z.object({ kind: z.enum(KINDS).optional().catch(undefined) }),
  component: Secrets,
});

function Secrets() {
  const { session } = Route.useRouteContext();
  const { kind } = Route.useSearch();
  const navigate = useNavigate();
  return (
    <AdminOnly session={session}>
      <SecretsPage
        kind={kind}
        onKind={(next) => void navigate({ to: '/settings/secrets', search: next ? { kind: next } : {}, replace: true })}
      />
    </AdminOnly>
  );
}
