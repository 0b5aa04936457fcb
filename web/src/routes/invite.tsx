import { useQuery } from '@tanstack/react-query';
import { createFileRoute, Link, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { AcceptForm } from '@/features/session/accept-form';
import { AuthLayout } from '@/features/session/auth-layout';
import { invitationQuery } from '@/features/session/queries';

export const Route = createFileRoute('/invite')({
  validateSearch: z.object({ token: z.string().catch('') }),
  component: InvitePage,
});

function InvitePage() {
  const { t } = useTranslation();
  const { token } = Route.useSearch();
  const navigate = useNavigate();
  const { data, isPending } = useQuery(invitationQuery(token));
  if (isPending) {
    return (
      <AuthLayout title={<Skeleton className="h-8 w-56" />}>
        <div className="space-y-4">
          <Skeleton className="h-9" />
          <Skeleton className="h-9" />
        </div>
      </AuthLayout>
    );
  }
  if (!data) {
    return (
      <AuthLayout title={t('auth.inviteBad')} text={t('auth.inviteBadText')}>
        <Button asChild size="md">
          <Link to="/sign-in">{t('auth.toSignIn')}</Link>
        </Button>
      </AuthLayout>
    );
  }
  return (
    <AuthLayout
      title={t('auth.inviteTitle', { workspace: data.workspace_name })}
      text={t('auth.inviteText', { role: t(`roles.${data.role}`), email: data.email })}
    >
      <AcceptForm
        token={token}
        email={data.email}
        accountExists={data.account_exists}
        onDone={() => void navigate({ to: '/apps' })}
      />
    </AuthLayout>
  );
}
