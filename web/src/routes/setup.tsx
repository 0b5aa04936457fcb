import { createFileRoute, redirect, useNavigate } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { AuthLayout } from '@/features/session/auth-layout';
import { SetupForm } from '@/features/session/setup-form';
import { setupQuery } from '@/lib/api/queries';

export const Route = createFileRoute('/setup')({
  beforeLoad: async ({ context }) => {
    const setup = await context.queryClient.fetchQuery(setupQuery);
    if (!setup.needed) throw redirect({ to: '/apps', replace: true });
  },
  component: SetupPage,
});

function SetupPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <AuthLayout title={t('auth.setupTitle')} text={t('auth.setupText')}>
      <SetupForm onDone={() => void navigate({ to: '/apps' })} />
    </AuthLayout>
  );
}
