import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '@/lib/api/errors';
import { appQuery } from '@/lib/api/queries';
import type { App } from '@/lib/api/types';
import { type AppConfig, parseConfig } from '@/lib/app-config';
import { saveDraft } from './queries';

const QUIET_MS = 700;

type DraftStatus = 'saved' | 'dirty' | 'saving' | 'failed' | 'conflict';

export interface Draft {
  config: AppConfig;
  change: (change: (config: AppConfig) => AppConfig) => void;
  status: DraftStatus;
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

/**
 * The draft being edited. It is saved a moment after the last change, one request at a time; each save names the revision it
 * started from, so that a second window or a colleague is never overwritten unseen.
 */
export function useDraft(app: App): Draft {
  const client = useQueryClient();
  const [config, setConfig] = useState(() => parseConfig(app.draft));
  const [status, setStatus] = useState<DraftStatus>('saved');
  const [error, setError] = useState<unknown>(null);
  const latest = useRef(config);
  const saved = useRef(config);
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
        const next = await saveDraft(app.id, sending, revision.current);
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

  const change = useCallback(
    (edit: (config: AppConfig) => AppConfig) => {
      latest.current = edit(latest.current);
      setConfig(latest.current);
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
      const fresh = parseConfig(next.draft);
      latest.current = fresh;
      saved.current = fresh;
      revision.current = next.draft_revision;
      conflicted.current = false;
      client.setQueryData(appQuery(next.id).queryKey, next);
      setConfig(fresh);
      setError(null);
      setStatus('saved');
    },
    [client],
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

  return { config, change, status, error, flush, replace, takeTheirs, keepMine };
}
