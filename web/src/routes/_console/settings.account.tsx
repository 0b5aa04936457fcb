import { useQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { AccountPage } from '@/features/account/account-page';
import { sessionQuery } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/settings/account')({ component: Account });

function Account() {
  const { session } = Route.useRouteContext();
  const { data } = useQuery(sessionQuery);
  return <AccountPage account={(data ?? session).account} />;
}
