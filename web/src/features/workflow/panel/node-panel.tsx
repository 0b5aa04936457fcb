import type { TFunction } from 'i18next';
import { ArrowRight, Copy, Ellipsis, Play, Plus, Trash2, TriangleAlert, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { Tooltip } from '@/components/ui/tooltip';
import { cn } from '@/lib/cn';
import { duplicate } from '../actions';
import { ErrorHandling } from '../fields/error-handling';
import { Section } from '../fields/parts';
import { QuietInput } from '../fields/quiet-input';
import { ScopeProvider } from '../fields/scope';
import { handleOf, removeNodes } from '../graph/edit';
import { type Handle, handlesOf } from '../graph/handles';
import { outputsOf, type Variable } from '../graph/outputs';
import { type Data, findNode, type Graph, text, titleOf, typeOf } from '../graph/types';
import { issueText } from '../issue-text';
import { KindIcon, KindStone } from '../nodes/kind-icon';
import { kindOf } from '../nodes/kinds';
import { UnknownPanel } from '../nodes/unknown';
import type { Runner } from '../run/runner';
import { useStudio, useStudioStore } from '../store';
import { useUi } from '../ui';
import { LastRun } from './last-run';
import { TryNode } from './try-node';

interface NodePanelProps {
  appId: string;
  nodeId: string;
  runner: Runner;
  flush: () => Promise<boolean>;
  onGo: (nodeId: string) => void;
  onClose: () => void;
}

/** Everything that can be said of one node. */
export function NodePanel({ appId, nodeId, runner, flush, onGo, onClose }: NodePanelProps) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const canEdit = useStudio((studio) => studio.canEdit);
  const data = useStudio((studio) => findNode(studio.config.graph, nodeId)?.data);
  const [tab, setTab] = useState<'settings' | 'last'>('settings');
  const [trying, setTrying] = useState(false);
  if (!data) return null;
  const kind = kindOf(data);
  const disabled = !canEdit;
  const set = (change: Data | ((old: Data) => Data), step?: string) =>
    store.getState().editData(nodeId, (old) => (typeof change === 'function' ? change(old) : change), step);
  const remove = () => {
    onClose();
    store.getState().editGraph((graph) => removeNodes(graph, new Set([nodeId])));
  };
  return (
    <section aria-label={titleOf({ id: nodeId, data })} className="flex h-full min-h-0 flex-col">
      <header className="shrink-0 border-b px-3 pt-2.5 pb-1.5">
        <div className="flex items-center gap-2">
          <KindStone type={text(data.type)} />
          <QuietInput
            aria-label={t('studio.panel.title')}
            className="min-w-0 grow rounded bg-transparent px-1 py-0.5 font-semibold text-base outline-none hover:bg-hover focus:bg-hover"
            value={text(data.title)}
            disabled={disabled}
            onChange={(title) => set((old) => ({ ...old, title }), 'title')}
          />
          {kind?.canTry && canEdit && (
            <Tooltip text={t('studio.panel.try')}>
              <Button
                variant="ghost"
                size="icon"
                aria-label={t('studio.panel.try')}
                aria-pressed={trying}
                onClick={() => setTrying(!trying)}
              >
                <Play />
              </Button>
            </Tooltip>
          )}
          {canEdit && (
            <Menu>
              <MenuTrigger asChild>
                <Button variant="ghost" size="icon" aria-label={t('common.more')}>
                  <Ellipsis />
                </Button>
              </MenuTrigger>
              <MenuContent>
                {typeOf({ id: '', data }) !== 'start' && (
                  <MenuItem onSelect={() => duplicate(store, new Set([nodeId]))}>
                    <Copy />
                    {t('studio.panel.duplicate')}
                  </MenuItem>
                )}
                <MenuItem danger onSelect={remove}>
                  <Trash2 />
                  {t('common.delete')}
                </MenuItem>
              </MenuContent>
            </Menu>
          )}
          <Button variant="ghost" size="icon" aria-label={t('common.close')} onClick={onClose}>
            <X />
          </Button>
        </div>
        <QuietInput
          aria-label={t('studio.panel.description')}
          placeholder={t('studio.panel.descriptionPlaceholder')}
          className="mt-0.5 w-full rounded bg-transparent px-1 py-0.5 text-ink-2 text-xs outline-none placeholder:text-ink-3 hover:bg-hover focus:bg-hover"
          value={text(data.desc)}
          disabled={disabled}
          onChange={(desc) => set((old) => ({ ...old, desc }), 'desc')}
        />
        {kind?.canTry && (
          <div role="tablist" aria-label={t('studio.panel.views')} className="mt-1 flex gap-4 px-1">
            {(['settings', 'last'] as const).map((one) => (
              <button
                key={one}
                type="button"
                role="tab"
                aria-selected={tab === one && !trying}
                onClick={() => {
                  setTab(one);
                  setTrying(false);
                }}
                className="-mb-1.5 border-transparent border-b-2 py-1.5 text-ink-2 text-sm aria-selected:border-accent aria-selected:font-medium aria-selected:text-ink"
              >
                {t(`studio.panel.${one}`)}
              </button>
            ))}
          </div>
        )}
      </header>
      <div className="min-h-0 grow overflow-y-auto pb-10">
        <ScopeProvider key={nodeId} nodeId={nodeId}>
          {trying ? (
            <TryNode appId={appId} nodeId={nodeId} runner={runner} flush={flush} />
          ) : tab === 'last' && kind?.canTry ? (
            <LastRun appId={appId} nodeId={nodeId} />
          ) : (
            <>
              <Issues nodeId={nodeId} />
              {kind ? (
                <kind.Panel id={nodeId} data={data} set={set} disabled={disabled} />
              ) : (
                <UnknownPanel id={nodeId} data={data} set={set} disabled={disabled} />
              )}
              {kind && (kind.catches || kind.retries) && (
                <ErrorHandling kind={kind} data={data} set={set} disabled={disabled} />
              )}
              <Outputs data={data} />
              <Next nodeId={nodeId} data={data} onGo={onGo} />
            </>
          )}
        </ScopeProvider>
      </div>
    </section>
  );
}

function Issues({ nodeId }: { nodeId: string }) {
  const { t } = useTranslation();
  const issues = useStudio((studio) => studio.issuesOf.get(nodeId));
  if (!issues) return null;
  return (
    <ul aria-label={t('studio.checks.title')} className="space-y-1 border-b bg-sunken/50 px-4 py-2.5">
      {issues.map((issue, i) => (
        <li
          key={i}
          className={cn('flex items-start gap-2 text-xs', issue.severity === 'error' ? 'text-danger' : 'text-warn-ink')}
        >
          <TriangleAlert className="mt-0.5 size-3.5 shrink-0" aria-hidden />
          <span className="min-w-0 break-words">
            <code className="font-mono text-2xs opacity-80">{issue.field}</code> {issueText(issue, t)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Outputs({ data }: { data: Data }) {
  const { t } = useTranslation();
  const { variables } = outputsOf(data);
  if (variables.length === 0 || data.type === 'end' || data.type === 'start') return null;
  return (
    <Section title={t('studio.panel.outputs')}>
      <ul className="space-y-1">
        {variables.map((variable) => (
          <Output key={variable.name} variable={variable} depth={0} />
        ))}
      </ul>
    </Section>
  );
}

function Output({ variable, depth }: { variable: Variable; depth: number }) {
  return (
    <>
      <li className="flex items-baseline justify-between gap-2" style={{ paddingLeft: depth * 14 }}>
        <code className="min-w-0 truncate font-mono text-accent-ink text-xs">{variable.name}</code>
        <span className="shrink-0 font-mono text-2xs text-ink-3">{variable.type}</span>
      </li>
      {variable.type !== 'file' &&
        variable.children?.map((child) => <Output key={child.name} variable={child} depth={depth + 1} />)}
    </>
  );
}

interface NextProps {
  nodeId: string;
  data: Data;
  onGo: (nodeId: string) => void;
}

/** What follows each way out; the same as drawing edges, by keyboard. */
function Next({ nodeId, data, onGo }: NextProps) {
  const { t } = useTranslation();
  const graph = useStudio((studio) => studio.config.graph);
  const canEdit = useStudio((studio) => studio.canEdit);
  const handles = handlesOf(data);
  if (handles.length === 0) return null;
  return (
    <Section title={t('studio.panel.next')}>
      <ul className="space-y-2">
        {handles.map((handle) => (
          <li key={handle.id}>
            {handles.length > 1 && <p className="mb-1 text-ink-3 text-xs">{nameOf(handle, t)}</p>}
            <div className="flex flex-wrap items-center gap-1.5">
              {targetsOf(graph, nodeId, handle).map((target) => (
                <button
                  key={target.id}
                  type="button"
                  onClick={() => onGo(target.id)}
                  className="flex h-7 max-w-full items-center gap-1.5 rounded-md border bg-surface px-2 text-xs shadow-1 hover:border-accent"
                >
                  <KindIcon type={typeOf(target)} className="size-3.5 shrink-0" />
                  <span className="truncate">{titleOf(target)}</span>
                  <ArrowRight className="size-3 shrink-0 text-ink-3" aria-hidden />
                </button>
              ))}
              {canEdit && (
                <Button
                  variant="ghost"
                  size="xs"
                  onClick={(event) => {
                    const box = event.currentTarget.getBoundingClientRect();
                    useUi.getState().set({
                      palette: {
                        target: { kind: 'handle', source: nodeId, sourceHandle: handle.id },
                        screen: { x: box.left - 320, y: box.top },
                      },
                    });
                  }}
                >
                  <Plus />
                  {t('studio.panel.addNext')}
                </Button>
              )}
            </div>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function targetsOf(graph: Graph, nodeId: string, handle: Handle) {
  return graph.edges
    .filter((edge) => edge.source === nodeId && handleOf(edge) === handle.id)
    .flatMap((edge) => findNode(graph, edge.target) ?? []);
}

function nameOf(handle: Handle, t: TFunction): string {
  switch (handle.kind) {
    case 'case':
      return t(handle.index === 0 ? 'studio.cond.if' : 'studio.cond.elif', { number: handle.index + 1 });
    case 'else':
      return t('studio.cond.else');
    case 'fail':
      return t('studio.errors.branch');
    case 'timeout':
      return t('studio.human.timeout');
    case 'class':
    case 'action':
      return handle.label || handle.id;
    case 'next':
      return t('studio.panel.success');
  }
}
