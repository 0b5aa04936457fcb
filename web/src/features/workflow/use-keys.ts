import { useReactFlow } from '@xyflow/react';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { copySelected, duplicate, paste, removeSelected, selectedIds, targetBehind } from './actions';
import { fitAll } from './canvas/view';
import type { FlowEdge, FlowNode } from './graph/flow';
import { useStudioStore } from './store';
import { useUi } from './ui';

interface Keys {
  onRun: () => void;
  onSave: () => void;
  onArrange: () => void;
  onEscape: () => void;
}

/** The canvas by keyboard. Fields and dialogs keep their keys for themselves. */
export function useKeys(keys: Keys): void {
  const { t } = useTranslation();
  const store = useStudioStore();
  const flow = useReactFlow<FlowNode, FlowEdge>();
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const middle = () => ({ x: window.innerWidth / 2 - 100, y: window.innerHeight / 2 - 60 });
    const onKey = (event: KeyboardEvent) => {
      const at = event.target as HTMLElement | null;
      const mod = event.metaKey || event.ctrlKey;
      if (mod && event.key.toLowerCase() === 's') {
        event.preventDefault();
        return latest.current.onSave();
      }
      if (mod && event.key === 'Enter') {
        event.preventDefault();
        return latest.current.onRun();
      }
      if (
        at?.closest(
          'input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"], [role="listbox"]',
        )
      )
        return;
      const { canEdit, undo, redo, select, nodes } = store.getState();
      const ui = useUi.getState();
      const key = event.key.toLowerCase();
      const run = (action: () => void) => {
        event.preventDefault();
        action();
      };
      if (mod) {
        if (key === 'k') return run(() => ui.set({ isSearching: true }));
        if (key === 'c' && window.getSelection()?.toString() === '') return run(() => copySelected(store, t));
        if (!canEdit) return;
        if (key === 'z') return run(event.shiftKey ? redo : undo);
        if (key === 'y') return run(redo);
        if (key === 'd') return run(() => duplicate(store, selectedIds(store)));
        if (key === 'v') return run(() => void paste(store, t, flow.screenToFlowPosition(middle())));
        if (key === 'a') return run(() => select(new Set(nodes.map((node) => node.id))));
        return;
      }
      if (event.altKey) return;
      switch (key) {
        case '/':
          return run(() => ui.set({ isSearching: true }));
        case '?':
          return run(() => ui.set({ isHelping: true }));
        case 'f':
          return run(() => void fitAll(flow, 200));
        case 'm':
          return run(() => ui.set({ hasMinimap: !ui.hasMinimap }));
        case '+':
        case '=':
          return run(() => void flow.zoomIn({ duration: 120 }));
        case '-':
          return run(() => void flow.zoomOut({ duration: 120 }));
        case 'escape':
          return latest.current.onEscape();
      }
      if (!canEdit) return;
      if (key === 'delete' || key === 'backspace') return run(() => removeSelected(store));
      if (key === 'l') return run(latest.current.onArrange);
      if (key === 'n')
        return run(() => {
          const place = flow.screenToFlowPosition(middle());
          ui.set({ palette: { target: targetBehind(store, place), screen: middle() } });
        });
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [store, flow, t]);
}
