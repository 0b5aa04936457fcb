// Runs the draft, or a node of it, and keeps what the canvas shows of it up to date.
import { ApiError } from '@/lib/api/errors';
import type { Data } from '../graph/types';
import { post, streamRun } from './client';
import { end, endStep, newRun, type Run, type RunEvent, reduce } from './state';
import { useRun } from './store';

export interface GivenVariable {
  selector: string[];
  value: unknown;
}

interface Task {
  abort: AbortController;
  run: Run;
  lastEvent: string | null;
  stopping: boolean;
  /** Beside the canvas: a chat's turn. */
  onChange?: ((run: Run) => void) | undefined;
  onEvent?: ((event: RunEvent) => void) | undefined;
}

export interface Runner {
  /** A whole run of a workflow's draft. */
  run: (body: Data) => Promise<void>;
  /** A turn of a chatflow's preview. */
  ask: (body: Data, onChange: (run: Run) => void, onEvent: (event: RunEvent) => void) => Promise<void>;
  /** One node by itself. */
  tryNode: (nodeId: string, body: Data) => Promise<void>;
  /** Goes on reading a run that waited for a person. */
  follow: () => Promise<void>;
  stop: () => void;
  /** Forgets what is shown; a run goes on unseen. */
  clear: () => void;
}

/** `onSettled`: a run, or a try, has left values behind. */
export function makeRunner(appId: string, onSettled: () => void): Runner {
  let task: Task | null = null;
  const base = `/api/apps/${appId}`;

  const show = (one: Task) => {
    if (task === one) useRun.getState().show(one.run);
    one.onChange?.(one.run);
  };

  const read = async (one: Task, path: string, body: Data | undefined, isFollowing = false): Promise<void> => {
    // events come faster than the screen: it is painted once a frame
    let frame = 0;
    const paint = () => {
      frame = 0;
      show(one);
    };
    try {
      const after = isFollowing && one.lastEvent ? { after: one.lastEvent } : {};
      for await (const event of streamRun({ path, signal: one.abort.signal, ...(body ? { body } : {}), ...after })) {
        if (event.id) one.lastEvent = event.id;
        const before = one.run.taskId;
        one.run = reduce(one.run, event);
        one.onEvent?.(event);
        if (one.stopping && !before && one.run.taskId) askToStop(one);
        frame ||= requestAnimationFrame(paint);
        if (isFollowing && (event.event === 'workflow_paused' || event.event === 'workflow_finished')) break;
      }
      if (one.run.isStep) one.run = endStep(one.run);
      else if (one.run.status === 'running') one.run = end(one.run, 'failed', null);
    } catch (error) {
      const stopped = one.abort.signal.aborted || one.stopping;
      one.run = end(one.run, stopped ? 'stopped' : 'failed', null);
      if (!stopped) throw error instanceof ApiError ? error : new ApiError(0, 'interrupted', '');
    } finally {
      cancelAnimationFrame(frame);
      show(one);
      onSettled();
    }
  };

  const begin = (isStep: boolean, hooks: Partial<Pick<Task, 'onChange' | 'onEvent'>> = {}): Task => {
    task?.abort.abort();
    const one: Task = { abort: new AbortController(), run: newRun(isStep), lastEvent: null, stopping: false, ...hooks };
    task = one;
    show(one);
    return one;
  };

  const askToStop = (one: Task) => {
    const { taskId } = one.run;
    const path = one.onChange ? `${base}/preview/${taskId}/stop` : `${base}/draft/tasks/${taskId}/stop`;
    if (taskId) void post(path).catch(() => undefined);
  };

  return {
    run: (body) => read(begin(false), `${base}/draft/run`, body),
    ask: (body, onChange, onEvent) => read(begin(false, { onChange, onEvent }), `${base}/preview`, body),
    tryNode: (nodeId, body) => read(begin(true), `${base}/draft/nodes/${encodeURIComponent(nodeId)}/run`, body),
    follow: async () => {
      const one = task;
      if (!one?.run.id || one.run.status !== 'paused') return;
      one.run = { ...one.run, status: 'running' };
      show(one);
      await read(one, `${base}/runs/${one.run.id}/events?continue_on_pause=true`, undefined, true);
    },
    stop: () => {
      const one = task;
      if (!one) return;
      one.stopping = true;
      if (one.run.status === 'paused' && one.run.id) {
        void post(`${base}/runs/${one.run.id}/stop`).catch(() => undefined);
        one.run = end(one.run, 'stopped', null);
        show(one);
        return;
      }
      askToStop(one);
      // a server that does not answer must not keep the screen busy
      setTimeout(() => {
        if (one.run.status === 'running') one.abort.abort();
      }, 5000);
    },
    clear: () => {
      task?.abort.abort();
      task = null;
      useRun.getState().show(null);
    },
  };
}
