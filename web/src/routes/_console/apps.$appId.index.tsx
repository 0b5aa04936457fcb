import { useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { History, Lock } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Segmented } from '@/components/ui/segmented';
import { Tooltip } from '@/components/ui/tooltip';
import { AppHeader } from '@/features/app-frame/app-header';
import { AppMenu } from '@/features/apps/app-menu';
import { Editor } from '@/features/editor/editor';
import { Publish } from '@/features/editor/publish';
import { ConflictDialog, SaveState } from '@/features/editor/save-state';
import { useDraft } from '@/features/editor/use-draft';
import { VersionsDrawer } from '@/features/editor/versions';
import { ChatPreview } from '@/features/preview/chat';
import { CompletionPreview } from '@/features/preview/completion';
import { appQuery, atLeast } from '@/lib/api/queries';
import type { App } from '@/lib/api/types';
import { cn } from '@/lib/cn';

export const Route = createFileRoute('/_console/apps/$appId/')({ component: Configure });

function Configure() {
  const { appId } = Route.useParams();
  const { data: app } = useSuspenseQuery(appQuery(appId));
  return app.mode === 'chat' || app.mode === 'completion' ? (
    <BasicApp key={app.id} app={app} />
  ) : (
    <OtherApp app={app} />
  );
}

function useMenu(app: App) {
  const { session } = Route.useRouteContext();
  const navigate = useNavigate();
  const client = useQueryClient();
  const canEdit = atLeast(session.workspace.role, 'editor');
  const menu = (
    <AppMenu
      app={app}
      canEdit={canEdit}
      onDuplicated={(copy) => void navigate({ to: '/apps/$appId', params: { appId: copy.id } })}
      onDeleted={() => {
        void navigate({ to: '/apps' }).then(() => client.removeQueries({ queryKey: appQuery(app.id).queryKey }));
      }}
    />
  );
  return { canEdit, menu };
}

function BasicApp({ app }: { app: App }) {
  const { t } = useTranslation();
  const draft = useDraft(app);
  const { canEdit, menu } = useMenu(app);
  const [history, setHistory] = useState(false);
  // On a narrow screen one side at a time.
  const [side, setSide] = useState<'editor' | 'preview'>('editor');
  return (
    <div className="flex h-full flex-col">
      <AppHeader app={app} menu={menu}>
        <Segmented
          label={t('preview.title')}
          className="md:hidden"
          value={side}
          onChange={setSide}
          options={[
            { value: 'editor', label: t('app.configure') },
            { value: 'preview', label: t('preview.title') },
          ]}
        />
        {canEdit && <SaveState app={app} draft={draft} />}
        <Tooltip text={t('app.history')} side="bottom">
          <Button variant="ghost" size="icon" aria-label={t('app.history')} onClick={() => setHistory(true)}>
            <History />
          </Button>
        </Tooltip>
        {canEdit && <Publish app={app} draft={draft} />}
      </AppHeader>
      <div className="flex min-h-0 grow">
        <div
          className={cn(
            'h-full w-full overflow-y-auto border-r md:block md:w-[46%] md:min-w-[21rem] md:max-w-[44rem] md:shrink-0',
            side === 'preview' && 'hidden',
          )}
        >
          <div className="mx-auto max-w-2xl px-5 py-5">
            <Editor app={app} draft={draft} disabled={!canEdit} />
          </div>
        </div>
        <div className={cn('h-full min-w-0 grow bg-surface md:block', side === 'editor' && 'hidden')}>
          {!canEdit ? (
            <EmptyState icon={<Lock />} title={t('preview.title')} text={t('app.readOnly')} className="pt-[20vh]" />
          ) : app.mode === 'chat' ? (
            <ChatPreview app={app} config={draft.config} />
          ) : (
            <CompletionPreview app={app} config={draft.config} />
          )}
        </div>
      </div>
      <ConflictDialog draft={draft} />
      {history && (
        <VersionsDrawer app={app} canEdit={canEdit} onRestored={draft.replace} onClose={() => setHistory(false)} />
      )}
    </div>
  );
}

function OtherApp({ app }: { app: App }) {
  const { t } = useTranslation();
  const { menu } = useMenu(app);
  return (
    <div className="flex h-full flex-col">
      <AppHeader app={app} menu={menu} />
      <div className="m-auto">
        <EmptyState
          icon={<Lock />}
          title={t('apps.unsupportedTitle')}
          text={t('apps.unsupportedText', { mode: t(`modes.${app.mode}`) })}
        />
      </div>
    </div>
  );
}
