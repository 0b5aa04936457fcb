// What is open on the canvas. Whatever deserves a link (the chosen node, the panel beside it) is in the URL instead.
import { create } from 'zustand';
import type { XY } from './graph/types';

/** Where a node that is chosen from the palette goes. */
export type Target =
  | { kind: 'free'; at: XY; parent?: string }
  | { kind: 'handle'; source: string; sourceHandle: string }
  | { kind: 'edge'; id: string };

interface Ui {
  palette: { target: Target; screen: XY } | null;
  isSearching: boolean;
  isHelping: boolean;
  hasMinimap: boolean;
  set: (patch: Partial<Omit<Ui, 'set'>>) => void;
}

export const useUi = create<Ui>((set) => ({
  palette: null,
  isSearching: false,
  isHelping: false,
  hasMinimap: window.innerWidth > 1280,
  set,
}));
