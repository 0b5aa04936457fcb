import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { AppHeader } from '@/components/app/app-header';
import { AppMenu } from '@/features/apps/app-menu';
import type { App } from '@/lib/api/types';

/** One of an app's pages under the bar that all of them share. */
export function AppFrame({ app, canEdit, children }: { app: App; canEdit: boolean; children: ReactNode }) {
  const navigate = useNavigate();
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
      <div className="min-h-0 grow">{children}</div>
    </div>
  );
}
