import { useSuspenseQuery } from '@tanstack/react-query';
import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { z } from 'zod';
import { AppHeader } from '@/components/app/app-header';
import { ApiPage } from '@/features/api-access/api-page';
import { LANGS, TASKS } from '@/features/api-access/examples';
import { AppMenu } from '@/features/apps/app-menu';
import { appQuery, atLeast } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/apps/$appId/api')({
  validateSearch: z.object({
    task: z.enum(TASKS).optional().catch(undefined),
    lang: z.enum(LANGS).optional().catch(undefined),
  }),
  component: Api,
});

function Api() {
  const { appId } = Route.useParams();
  const { task = 'stream', lang = 'curl' } = Route.useSearch();
  const { session } = Route.useRouteContext();
  const { data: app } = useSuspenseQuery(appQuery(appId));
  const navigate = useNavigate();
  const canEdit = atLeast(session.workspace.role, 'editor');
  return (
    <div className="flex h-full flex-col">
      <AppHeader
        app={app}
        menu={
          <AppMenu
            app={app}
            canEdit={canEdit}
            onDuplicated={(copy) => void navigate({ to: '/apps/$appId', params: { appId: copy.id } })}
            onDeleted={() => void navigate({ to: '/apps' })}
          />
        }
      />
      <div className="min-h-0 grow">
        <ApiPage
          app={app}
          canEdit={canEdit}
          task={task}
          lang={lang}
          onSelect={(search) =>
            void navigate({ to: '/apps/$appId/api', params: { appId }, search, replace: true, resetScroll: false })
          }
        />
      </div>
    </div>
  );
}
