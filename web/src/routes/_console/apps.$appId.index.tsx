import { useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { createFileRoute, useNavigate } from '@tanstack/react-router';
import { Columns3, History, Lock } from 'lucide-react';
import { lazy, Suspense, useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { z } from 'zod';
import { AppHeader } from '@/components/app/app-header';
import { Publish } from '@/components/app/publish';
import { ConflictDialog, SaveState } from '@/components/app/save-state';
import { VersionsDrawer } from '@/components/app/versions';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { Tooltip } from '@/components/ui/tooltip';
import { AppMenu } from '@/features/apps/app-menu';
import { Editor } from '@/features/editor/editor';
import { useDraft } from '@/features/editor/use-draft';
import { ChatPreview } from '@/features/preview/chat';
import { Compare } from '@/features/preview/compare';
import { CompletionPreview } from '@/features/preview/completion';
import { PANEL_NAMES, type StudioSearch } from '@/features/workflow/search';
import { appQuery, atLeast } from '@/lib/api/queries';
import type { App } from '@/lib/api/types';
import { cn } from '@/lib/cn';

const Studio = lazy(() => import('@/features/workflow/studio').then(({ Studio }) => ({ default: Studio })));

export const Route = createFileRoute('/_console/apps/$appId/')({
  validateSearch: z.object({
    compare: z.literal(true).optional().catch(undefined),
    // of workflows and chatflows: what is open beside the canvas
    node: z.coerce.string().optional().catch(undefined),
    panel: z.enum(PANEL_NAMES).optional().catch(undefined),
    run: z.string().optional().catch(undefined),
  }),
  component: Configure,
});

function Configure() {
  const { appId } = Route.useParams();
  const { data: app } = useSuspenseQuery(appQuery(appId));
  if (app.mode === 'workflow' || app.mode === 'advanced-chat') return <FlowApp key={app.id} app={app} />;
  return app.mode === 'chat' || app.mode === 'completion' || app.mode === 'agent-chat' ? (
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
  const { compare } = Route.useSearch();
  const navigate = useNavigate();
  const setCompare = (on: boolean) =>
    void navigate({ to: '/apps/$appId', params: { appId: app.id }, search: on ? { compare: true } : {} });
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
        {canEdit && (
          <Tooltip text={t('agent.compareText')} side="bottom">
            <Button
              variant="ghost"
              size="icon"
              aria-label={t('agent.compare')}
              aria-pressed={compare === true}
              className={cn(compare && 'bg-accent-soft text-accent-ink')}
              onClick={() => setCompare(!compare)}
            >
              <Columns3 />
            </Button>
          </Tooltip>
        )}
        <Tooltip text={t('app.history')} side="bottom">
          <Button variant="ghost" size="icon" aria-label={t('app.history')} onClick={() => setHistory(true)}>
            <History />
          </Button>
        </Tooltip>
        {canEdit && <Publish app={app} draft={draft} />}
      </AppHeader>
      {compare && canEdit ? (
        <div className="min-h-0 grow bg-surface">
          <Compare
            app={app}
            config={draft.config}
            onClose={() => setCompare(false)}
            onUse={({ model, pre_prompt }) => {
              draft.change((c) => ({ ...c, model, pre_prompt }));
              toast.success(t('agent.variantUsed', { name: model.name }));
              setCompare(false);
            }}
          />
        </div>
      ) : (
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
            ) : app.mode !== 'completion' ? (
              <ChatPreview app={app} config={draft.config} />
            ) : (
              <CompletionPreview app={app} config={draft.config} />
            )}
          </div>
        </div>
      )}
      <ConflictDialog draft={draft} />
      {history && (
        <VersionsDrawer app={app} canEdit={canEdit} onRestored={draft.replace} onClose={() => setHistory(false)} />
      )}
    </div>
  );
}

function FlowApp({ app }: { app: App }) {
  const { canEdit, menu } = useMenu(app);
  const { session } = Route.useRouteContext();
  const search = Route.useSearch();
  const navigate = Route.useNavigate();
  const onSearch = useCallback(
    (next: StudioSearch) => void navigate({ search: next, replace: true, resetScroll: false }),
    [navigate],
  );
  return (
    <Suspense fallback={<FlowPending />}>
      <Studio
        app={app}
        canEdit={canEdit}
        author={session.account.name}
        menu={menu}
        search={search}
        onSearch={onSearch}
      />
    </Suspense>
  );
}

function FlowPending() {
  return (
    <div className="flex h-full flex-col" aria-busy="true">
      <div className="flex h-14 items-center gap-3 border-b px-5">
        <Skeleton className="size-7" />
        <Skeleton className="h-4 w-40" />
      </div>
      <div className="flex grow items-center justify-center gap-16">
        <Skeleton className="h-24 w-60" />
        <Skeleton className="h-24 w-60" />
      </div>
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
