import { useSuspenseQuery } from '@tanstack/react-query';
import { createFileRoute } from '@tanstack/react-router';
import { PublishPage } from '@/features/publish/publish-page';
import { appQuery, atLeast } from '@/lib/api/queries';
import { AppFrame } from '../-app-frame';

export const Route = createFileRoute('/_console/apps/$appId/publish')({ component: Publish });

function Publish() {
  const { appId } = Route.useParams();
  const { session } = Route.useRouteContext();
  const { data: app } = useSuspenseQuery(appQuery(appId));
  const canEdit = atLeast(session.workspace.role, 'editor');
  return (
    <AppFrame app={app} canEdit={canEdit}>
      <PublishPage app={app} canEdit={canEdit} />
    </AppFrame>
  );
}
