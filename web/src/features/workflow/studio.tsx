import { useQueryClient } from '@tanstack/react-query';
import { ReactFlowProvider, useReactFlow } from '@xyflow/react';
import { Blocks, History, ListChecks, Play } from 'lucide-react';
import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { AppHeader } from '@/components/app/app-header';
import { Publish } from '@/components/app/publish';
import { triggersQuery } from '@/components/app/queries';
import { ConflictDialog, SaveState } from '@/components/app/save-state';
import { VersionsDrawer } from '@/components/app/versions';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Tooltip } from '@/components/ui/tooltip';
import { errorMessage } from '@/lib/api/errors';
import type { App, AppVersion } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { useAutosave } from '@/lib/use-autosave';
import { Canvas } from './canvas/canvas';
import { Rail } from './canvas/rail';
import { NodeSearch } from './canvas/search';
import { ShortcutsSheet } from './canvas/shortcuts';
import { fitAll, useView } from './canvas/view';
import { addNode } from './graph/edit';
import type { FlowEdge, FlowNode } from './graph/flow';
import type { Config } from './graph/types';
import { kindNamed } from './nodes/kinds';
import { NodePanel } from './panel/node-panel';
import { ChecksPanel } from './panels/checks-panel';
import { DiffDialog } from './panels/diff-dialog';
import { FeaturesPanel } from './panels/features-panel';
import { HistoryPanel } from './panels/history-panel';
import { ValuesPanel } from './panels/values-panel';
import { VariablesPanel } from './panels/variables-panel';
import { forgetValues } from './queries';
import { ChatPanel } from './run/chat-panel';
import { ReplayDialog } from './run/replay-dialog';
import { RunPanel } from './run/run-panel';
import { makeRunner } from './run/runner';
import type { Run } from './run/state';
import { useRun } from './run/store';
import type { PanelName, StudioSearch } from './search';
import { makeStudio, StudioProvider, useStudio, useStudioStore } from './store';
import { useUi } from './ui';
import { useCheck } from './use-check';
import { useKeys } from './use-keys';

interface StudioProps {
  app: App;
  canEdit: boolean;
  author: string;
  menu: ReactNode;
  search: StudioSearch;
  onSearch: (search: StudioSearch) => void;
}

/** Where workflows and chatflows are built, tried and published. */
export function Studio(props: StudioProps) {
  const { app, canEdit } = props;
  const [store] = useState(() =>
    makeStudio({ appId: app.id, draft: app.draft, isChat: app.mode === 'advanced-chat', canEdit }),
  );
  return (
    <StudioProvider value={store}>
      <ReactFlowProvider>
        <Room {...props} />
      </ReactFlowProvider>
    </StudioProvider>
  );
}

function Room({ app, canEdit, author, menu, search, onSearch }: StudioProps) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const store = useStudioStore();
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const isChat = useStudio((studio) => studio.isChat);
  const isSearching = useUi((ui) => ui.isSearching);
  const [versions, setVersions] = useState(false);
  const [compared, setCompared] = useState<{ from: AppVersion; to: AppVersion | 'draft' } | null>(null);
  const [replaying, setReplaying] = useState<{ run: Run; nodeId: string } | null>(null);
  const onReplaced = useCallback((next: App) => store.getState().replace(next.draft), [store]);
  const [initial] = useState(() => store.getState().config);
  const { touch, ...draft } = useAutosave<Config>({ app, initial, onReplaced });
  useEffect(
    () =>
      store.subscribe((now, before) => {
        if (now.config !== before.config && now.canEdit) touch(now.config);
      }),
    [store, touch],
  );
  useCheck(app.id);
  // triggers get their addresses when the draft is saved
  useEffect(() => {
    if (draft.status === 'saved') void client.invalidateQueries({ queryKey: triggersQuery(app.id).queryKey });
  }, [draft.status, app.id, client]);

  const runner = useMemo(() => makeRunner(app.id, () => forgetValues(client, app.id)), [app.id, client]);
  useEffect(() => () => runner.clear(), [runner]);

  const { node, panel } = search;
  // whatever opened it, the node whose panel is open is the chosen one, and stays in sight beside it
  useEffect(() => {
    if (node) store.getState().select(new Set([node]));
  }, [node, store]);
  useView(node);
  const openNode = useCallback((id: string | undefined) => onSearch({ ...search, node: id }), [onSearch, search]);
  const openPanel = useCallback(
    (next: PanelName | undefined) =>
      onSearch({ node: window.innerWidth < 1180 && next ? undefined : search.node, panel: next }),
    [onSearch, search.node],
  );
  const go = useCallback(
    (id: string) => {
      useUi.getState().set({ isSearching: false });
      store.getState().select(new Set([id]));
      void flow.fitView({ nodes: [{ id }], duration: 260, maxZoom: 1, padding: 0.6 });
      openNode(store.getState().nodes.find((one) => one.id === id)?.type === 'note' ? undefined : id);
    },
    [flow, store, openNode],
  );
  const arrange = useCallback(async () => {
    const { arrange: tidy } = await import('./graph/arrange');
    const measured = new Map(
      store.getState().nodes.flatMap((one) => {
        const { width, height } = one.measured ?? {};
        return width && height ? [[one.id, { width, height }] as const] : [];
      }),
    );
    store.getState().editGraph((graph) => tidy(graph, measured));
    requestAnimationFrame(() => void fitAll(flow, 260));
  }, [flow, store]);
  const openRun = () => openPanel('run');
  const replay = (run: Run, nodeId: string) => setReplaying({ run, nodeId });
  const startReplay = async (run: Run, nodeId: string, overrides: { selector: string[]; value: unknown }[]) => {
    setReplaying(null);
    openPanel('run');
    if (!(await draft.flush())) return;
    const body = { from: { run_id: run.id, node_id: nodeId }, overrides };
    const begun = isChat
      ? runner.ask(
          body,
          () => undefined,
          () => undefined,
        )
      : runner.run(body);
    await begun.catch((error: unknown) => toast.error(errorMessage(error, t)));
  };
  useKeys({
    onRun: openRun,
    onSave: () => void draft.flush(),
    onArrange: () => void arrange(),
    onEscape: () => (node ? openNode(undefined) : openPanel(undefined)),
  });
  const close = () => openPanel(undefined);
  const side = panel;
  const runPanel = { appId: app.id, runner, flush: draft.flush, onGo: go, onReplay: replay, onClose: close };
  return (
    <div className="flex h-full flex-col">
      <AppHeader app={app} menu={menu}>
        {canEdit && <SaveState app={app} draft={draft} />}
        <ChecksButton isOn={panel === 'checks'} onClick={() => openPanel(panel === 'checks' ? undefined : 'checks')} />
        <Tooltip text={t('app.history')} side="bottom">
          <Button variant="ghost" size="icon" aria-label={t('app.history')} onClick={() => setVersions(true)}>
            <History />
          </Button>
        </Tooltip>
        {canEdit && (
          <Button onClick={openRun} aria-pressed={panel === 'run'}>
            <Play />
            <span className="sr-only @5xl:not-sr-only">{t(isChat ? 'preview.title' : 'studio.run.title')}</span>
          </Button>
        )}
        {canEdit && <PublishDraft app={app} draft={draft} onChecks={() => openPanel('checks')} />}
      </AppHeader>
      <div className="flex min-h-0 grow">
        <Rail author={author} panel={panel} onPanel={openPanel} onArrange={() => void arrange()} />
        <div className="relative min-w-0 grow">
          <Canvas onOpen={openNode} />
          <EmptyCanvas />
          <LiveRun />
        </div>
        {node && (
          <aside
            className={cn('w-100 max-w-[calc(100vw-6rem)] shrink-0 border-l bg-surface', side && 'hidden 2xl:block')}
          >
            <NodePanel
              key={node}
              appId={app.id}
              nodeId={node}
              runner={runner}
              flush={draft.flush}
              onGo={go}
              onClose={() => openNode(undefined)}
            />
          </aside>
        )}
        {side && (
          <aside className="w-100 max-w-[calc(100vw-6rem)] shrink-0 border-l bg-surface">
            {side === 'run' && (isChat ? <ChatPanel {...runPanel} /> : <RunPanel {...runPanel} />)}
            {side === 'values' && <ValuesPanel appId={app.id} onClose={close} />}
            {side === 'variables' && <VariablesPanel onClose={close} />}
            {side === 'features' && <FeaturesPanel onClose={close} />}
            {side === 'checks' && <ChecksPanel onGo={go} onClose={close} />}
            {side === 'history' && (
              <HistoryPanel
                appId={app.id}
                runId={search.run}
                onOpen={(run) => onSearch({ ...search, run })}
                onGo={go}
                onReplay={replay}
                onClose={close}
              />
            )}
          </aside>
        )}
      </div>
      {isSearching && <NodeSearch onPick={go} />}
      <ShortcutsSheet />
      <ConflictDialog draft={draft} />
      {replaying && (
        <ReplayDialog
          appId={app.id}
          {...replaying}
          flush={draft.flush}
          onClose={() => setReplaying(null)}
          onStart={(overrides) => void startReplay(replaying.run, replaying.nodeId, overrides)}
        />
      )}
      {versions && (
        <VersionsDrawer
          app={app}
          canEdit={canEdit}
          onRestored={draft.replace}
          onClose={() => setVersions(false)}
          onCompare={(from, to) => {
            setVersions(false);
            void draft.flush().then(() => setCompared({ from, to }));
          }}
        />
      )}
      {compared && (
        <DiffDialog
          appId={app.id}
          from={compared.from.id}
          to={compared.to === 'draft' ? 'draft' : compared.to.id}
          title={t('studio.diff.title', {
            from: `#${compared.from.number}`,
            to: compared.to === 'draft' ? t('apps.draft') : `#${compared.to.number}`,
          })}
          onClose={() => setCompared(null)}
        />
      )}
    </div>
  );
}

function ChecksButton({ isOn, onClick }: { isOn: boolean; onClick: () => void }) {
  const { t } = useTranslation();
  const errors = useStudio((studio) => studio.issues.filter((issue) => issue.severity === 'error').length);
  const all = useStudio((studio) => studio.issues.length);
  return (
    <Tooltip text={t('studio.checks.title')} side="bottom">
      <Button
        variant="ghost"
        size="sm"
        aria-pressed={isOn}
        aria-label={`${t('studio.checks.title')}: ${all}`}
        onClick={onClick}
      >
        <ListChecks />
        {all > 0 && (
          <span
            className={cn(
              'rounded px-1 text-2xs tabular-nums',
              errors > 0 ? 'bg-danger-soft text-danger' : 'bg-warn-soft text-warn-ink',
            )}
          >
            {all}
          </span>
        )}
      </Button>
    </Tooltip>
  );
}

function PublishDraft({
  app,
  draft,
  onChecks,
}: {
  app: App;
  draft: Parameters<typeof Publish>[0]['draft'];
  onChecks: () => void;
}) {
  const { t } = useTranslation();
  const errors = useStudio((studio) => studio.issues.filter((issue) => issue.severity === 'error').length);
  const warnings = useStudio((studio) => studio.issues.length) - errors;
  return (
    <Publish
      app={app}
      draft={draft}
      isBlocked={errors > 0}
      notice={
        errors + warnings > 0 && (
          <button
            type="button"
            onClick={onChecks}
            className={cn(
              'flex w-full items-center gap-2 rounded-md px-3 py-2 text-left text-sm',
              errors > 0 ? 'bg-danger-soft text-danger' : 'bg-warn-soft text-warn-ink',
            )}
          >
            <ListChecks className="size-4 shrink-0" aria-hidden />
            {errors > 0
              ? t('studio.checks.errors', { count: errors })
              : t('studio.checks.warnings', { count: warnings })}
          </button>
        )
      }
    />
  );
}

/** A first block for who begins with nothing. */
function EmptyCanvas() {
  const { t } = useTranslation();
  const store = useStudioStore();
  const flow = useReactFlow();
  const isEmpty = useStudio((studio) => studio.config.graph.nodes.length === 0);
  const { canEdit, isChat } = store.getState();
  if (!isEmpty) return null;
  const begin = () => {
    store.getState().editGraph((graph) => {
      const data = { type: 'start', title: t('studio.kinds.start.title'), desc: '', ...kindNamed('start').defaults() };
      return addNode(graph, { data, position: { x: 80, y: 280 } })[0];
    });
    requestAnimationFrame(() => void flow.fitView({ maxZoom: 1, padding: 0.5 }));
  };
  return (
    <div className="pointer-events-none absolute inset-0 flex items-center justify-center">
      <div className="pointer-events-auto rounded-xl border bg-surface shadow-2">
        <EmptyState
          icon={<Blocks />}
          title={t('studio.canvas.emptyTitle')}
          text={t(isChat ? 'studio.canvas.emptyTextChat' : 'studio.canvas.emptyText')}
        >
          {canEdit && (
            <>
              <Button variant="primary" onClick={begin}>
                {t('studio.canvas.emptyStart')}
              </Button>
              {!isChat && (
                <Button
                  onClick={(event) => {
                    const box = event.currentTarget.getBoundingClientRect();
                    useUi.getState().set({
                      palette: {
                        target: { kind: 'free', at: { x: 80, y: 280 } },
                        screen: { x: box.right + 4, y: box.top },
                      },
                    });
                  }}
                >
                  {t('studio.canvas.emptyOther')}
                </Button>
              )}
            </>
          )}
        </EmptyState>
      </div>
    </div>
  );
}

/** For screen readers: how the run stands. */
function LiveRun() {
  const { t } = useTranslation();
  const status = useRun((state) => state.run?.status);
  return (
    <span role="status" className="sr-only">
      {status && t(`studio.run.status.${status}`)}
    </span>
  );
}
