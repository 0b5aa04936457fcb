import { createFileRoute, redirect, useRouter } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { AuthLayout } from '@/features/session/auth-layout';
import { SignInForm } from '@/features/session/sign-in-form';
import { sessionQuery, setupQuery } from '@/lib/api/queries';

/** Only a path of this console; never another site. */
const local = (target: string | undefined) => (target?.startsWith('/') && !target.startsWith('//') ? target : '/apps');

export const Route = createFileRoute('/sign-in')({
  validateSearch: z.object({ to: z.string().optional().catch(undefined) }),
  beforeLoad: async ({ context, search }) => {
    const setup = await context.queryClient.ensureQueryData(setupQuery);
    if (setup.needed) throw redirect({ to: '/setup', replace: true });
    if (await context.queryClient.ensureQueryData(sessionQuery))
      throw redirect({ href: local(search.to), replace: true });
  },
  component: SignInPage,
});

function SignInPage() {
  const { t } = useTranslation();
  const { to } = Route.useSearch();
  const router = useRouter();
  return (
    <AuthLayout title={t('auth.signInTitle')} text={t('auth.signInText')}>
      <SignInForm onDone={() => router.history.push(local(to))} />
    </AuthLayout>
  );
}
