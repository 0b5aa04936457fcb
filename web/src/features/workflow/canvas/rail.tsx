import { useReactFlow } from '@xyflow/react';
import {
  Braces,
  Eye,
  History,
  Keyboard,
  LayoutGrid,
  Map as MapIcon,
  Maximize,
  Plus,
  Redo2,
  Search,
  SlidersHorizontal,
  StickyNote,
  Undo2,
  ZoomIn,
  ZoomOut,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Tooltip } from '@/components/ui/tooltip';
import { cn } from '@/lib/cn';
import { addNote } from '../actions';
import type { FlowEdge, FlowNode } from '../graph/flow';
import type { PanelName } from '../search';
import { useStudio, useStudioStore } from '../store';
import { useUi } from '../ui';
import { fitAll } from './view';

interface RailProps {
  author: string;
  panel: PanelName | undefined;
  onPanel: (panel: PanelName | undefined) => void;
  onArrange: () => void;
}

/** The tools of the canvas, one stone each. */
export function Rail({ author, panel, onPanel, onArrange }: RailProps) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const set = useUi((ui) => ui.set);
  const hasMinimap = useUi((ui) => ui.hasMinimap);
  const canEdit = useStudio((studio) => studio.canEdit);
  const canUndo = useStudio((studio) => studio.past.length > 0);
  const canRedo = useStudio((studio) => studio.future.length > 0);
  const middle = () => flow.screenToFlowPosition({ x: window.innerWidth / 2 - 120, y: window.innerHeight / 2 - 60 });
  const toggle = (name: PanelName) => onPanel(panel === name ? undefined : name);
  return (
    <div
      role="toolbar"
      aria-orientation="vertical"
      aria-label={t('studio.canvas.tools')}
      className="flex h-full w-11 shrink-0 flex-col items-center gap-px overflow-y-auto border-r bg-surface py-1.5"
    >
      {canEdit && (
        <>
          <Tool
            label={t('studio.canvas.add')}
            keys="N"
            isMain
            onClick={(box) =>
              set({ palette: { target: { kind: 'free', at: middle() }, screen: { x: box.right + 4, y: box.top } } })
            }
          >
            <Plus />
          </Tool>
          <Tool label={t('studio.canvas.note')} onClick={() => addNote(store, middle(), author)}>
            <StickyNote />
          </Tool>
        </>
      )}
      <Tool label={t('studio.canvas.search')} keys="/" onClick={() => set({ isSearching: true })}>
        <Search />
      </Tool>
      {canEdit && (
        <>
          <Gap />
          <Tool label={t('studio.keys.undo')} disabled={!canUndo} onClick={() => store.getState().undo()}>
            <Undo2 />
          </Tool>
          <Tool label={t('studio.keys.redo')} disabled={!canRedo} onClick={() => store.getState().redo()}>
            <Redo2 />
          </Tool>
          <Tool label={t('studio.keys.arrange')} keys="L" onClick={onArrange}>
            <LayoutGrid />
          </Tool>
        </>
      )}
      <Gap />
      <Tool label={t('studio.flow.title')} isOn={panel === 'variables'} onClick={() => toggle('variables')}>
        <Braces />
      </Tool>
      {canEdit && (
        <Tool label={t('studio.values.title')} isOn={panel === 'values'} onClick={() => toggle('values')}>
          <Eye />
        </Tool>
      )}
      <Tool label={t('editor.features')} isOn={panel === 'features'} onClick={() => toggle('features')}>
        <SlidersHorizontal />
      </Tool>
      {canEdit && (
        <Tool label={t('studio.history.title')} isOn={panel === 'history'} onClick={() => toggle('history')}>
          <History />
        </Tool>
      )}
      <span className="grow" />
      <Tool label={t('studio.canvas.zoomIn')} keys="+" onClick={() => void flow.zoomIn({ duration: 120 })}>
        <ZoomIn />
      </Tool>
      <Tool label={t('studio.canvas.zoomOut')} keys="−" onClick={() => void flow.zoomOut({ duration: 120 })}>
        <ZoomOut />
      </Tool>
      <Tool label={t('studio.keys.fit')} keys="F" onClick={() => void fitAll(flow, 200)}>
        <Maximize />
      </Tool>
      <Tool
        label={t('studio.canvas.minimap')}
        keys="M"
        isOn={hasMinimap}
        onClick={() => set({ hasMinimap: !hasMinimap })}
      >
        <MapIcon />
      </Tool>
      <Tool label={t('studio.keys.title')} keys="?" onClick={() => set({ isHelping: true })}>
        <Keyboard />
      </Tool>
    </div>
  );
}

interface ToolProps {
  label: string;
  keys?: string;
  isOn?: boolean;
  isMain?: boolean;
  disabled?: boolean;
  onClick: (box: DOMRect) => void;
  children: ReactNode;
}

function Tool({ label, keys, isOn, isMain, disabled, onClick, children }: ToolProps) {
  return (
    <Tooltip
      side="right"
      text={
        <>
          {label}
          {keys && <kbd className="ml-1.5 font-mono opacity-70">{keys}</kbd>}
        </>
      }
    >
      <button
        type="button"
        aria-label={label}
        aria-pressed={isOn}
        disabled={disabled}
        onClick={(event) => onClick(event.currentTarget.getBoundingClientRect())}
        className={cn(
          'flex size-8.5 shrink-0 items-center justify-center rounded-[5px] text-ink-2 transition-colors hover:bg-hover hover:text-ink disabled:opacity-35 [&_svg]:size-4.25',
          isOn && 'bg-accent-soft text-accent-ink',
          isMain && 'bg-accent text-accent-fg hover:bg-accent-hover hover:text-accent-fg',
        )}
      >
        {children}
      </button>
    </Tooltip>
  );
}

const Gap = () => <span className="my-1.5 h-px w-6 shrink-0 bg-line" aria-hidden />;
