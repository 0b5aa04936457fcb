import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { useCallback } from 'react';
import { z } from 'zod';
import { InlineForm } from '@/features/form/inline-form';
import { SitePage } from '@/features/site/site-page';

export const Route = createFileRoute('/a/$code')({
  validateSearch: z.object({ c: z.string().optional().catch(undefined) }),
  component: Site,
});

function Site() {
  const { code } = Route.useParams();
  const { c } = Route.useSearch();
  const navigate = useNavigate({ from: Route.fullPath });
  const onConversation = useCallback(
    (next: string | undefined, replace: boolean) => void navigate({ search: { c: next }, replace }),
    [navigate],
  );
  return (
    <SitePage
      key={code}
      code={code}
      conversation={c}
      onConversation={onConversation}
      renderForm={(token) => <InlineForm token={token} />}
    />
  );
}
