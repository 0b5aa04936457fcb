// The run that the canvas shows. Kept apart from the draft: a node's status is never part of its data.
import { create } from 'zustand';
import { type NodeStatus, type Run, statuses, times } from './state';

interface RunState {
  run: Run | null;
  status: ReadonlyMap<string, NodeStatus>;
  /** In seconds. */
  times: ReadonlyMap<string, number>;
  show: (run: Run | null) => void;
}

/** The map of before where it says the same. */
function kept<T>(before: ReadonlyMap<string, T>, next: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return before.size === next.size && [...next].every(([id, value]) => before.get(id) === value) ? before : next;
}

export const useRun = create<RunState>((set) => ({
  run: null,
  status: new Map(),
  times: new Map(),
  show: (run) =>
    set((state) => ({ run, status: kept(state.status, statuses(run)), times: kept(state.times, times(run)) })),
}));
