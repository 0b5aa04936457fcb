import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { api, unwrap } from './api/client';
import { ApiError } from './api/errors';
import { appQuery } from './api/queries';
import type { App } from './api/types';

const QUIET_MS = 700;

type SaveStatus = 'saved' | 'dirty' | 'saving' | 'failed' | 'conflict';

export interface Autosave {
  status: SaveStatus;
  error: unknown;
  /** Saves what is not saved yet; false when the server did not take it. */
  flush: () => Promise<boolean>;
  /** Takes a server's version instead of what is here. */
  replace: (app: App) => void;
  /** After a conflict: the other side's version. */
  takeTheirs: () => Promise<void>;
  /** After a conflict: save this one over it. */
  keepMine: () => Promise<void>;
}

interface Options<C> {
  app: App;
  initial: C;
  /** Another draft came in the place of this one. */
  onReplaced: (app: App) => C;
}

/**
 * Keeps the draft being edited. It is saved a moment after the last change (`touch`), one request at a time; each save names
 * the revision it started from, so that a second window or a colleague is never overwritten unseen.
 */
export function useAutosave<C extends Record<string, unknown>>({ app, initial, onReplaced }: Options<C>) {
  const client = useQueryClient();
  const [status, setStatus] = useState<SaveStatus>('saved');
  const [error, setError] = useState<unknown>(null);
  const latest = useRef(initial);
  const saved = useRef(initial);
  const revision = useRef(app.draft_revision);
  const running = useRef<Promise<boolean> | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const conflicted = useRef(false);

  const flush = useCallback(async (): Promise<boolean> => {
    clearTimeout(timer.current);
    if (running.current) await running.current;
    if (conflicted.current) return false;
    if (latest.current === saved.current) return true;
    const sending = latest.current;
    const save = async () => {
      setStatus('saving');
      try {
        const next = await unwrap(
          api.PUT('/api/apps/{app_id}/draft', {
            params: { path: { app_id: app.id } },
            body: { config: sending, revision: revision.current },
          }),
        );
        revision.current = next.draft_revision;
        saved.current = sending;
        client.setQueryData(appQuery(app.id).queryKey, next);
        setError(null);
        setStatus(latest.current === sending ? 'saved' : 'dirty');
        return true;
      } catch (failure) {
        const conflict = failure instanceof ApiError && failure.status === 409;
        conflicted.current = conflict;
        setError(failure);
        setStatus(conflict ? 'conflict' : 'failed');
        return false;
      } finally {
        running.current = null;
      }
    };
    running.current = save();
    return running.current;
  }, [app.id, client]);

  const touch = useCallback(
    (config: C) => {
      latest.current = config;
      if (conflicted.current) return;
      setStatus('dirty');
      clearTimeout(timer.current);
      timer.current = setTimeout(() => void flush(), QUIET_MS);
    },
    [flush],
  );

  const replace = useCallback(
    (next: App) => {
      clearTimeout(timer.current);
      const fresh = onReplaced(next);
      latest.current = fresh;
      saved.current = fresh;
      revision.current = next.draft_revision;
      conflicted.current = false;
      client.setQueryData(appQuery(next.id).queryKey, next);
      setError(null);
      setStatus('saved');
    },
    [client, onReplaced],
  );

  const takeTheirs = useCallback(async () => {
    replace(await client.fetchQuery({ ...appQuery(app.id), staleTime: 0 }));
  }, [app.id, client, replace]);

  const keepMine = useCallback(async () => {
    const theirs = await client.fetchQuery({ ...appQuery(app.id), staleTime: 0 });
    revision.current = theirs.draft_revision;
    conflicted.current = false;
    await flush();
  }, [app.id, client, flush]);

  // Leaving the page must not lose the last words typed.
  useEffect(() => {
    const onHide = (event: BeforeUnloadEvent) => {
      if (latest.current !== saved.current) {
        void flush();
        event.preventDefault();
      }
    };
    window.addEventListener('beforeunload', onHide);
    return () => {
      window.removeEventListener('beforeunload', onHide);
      void flush();
    };
  }, [flush]);

  return { status, error, flush, replace, takeTheirs, keepMine, touch };
}
