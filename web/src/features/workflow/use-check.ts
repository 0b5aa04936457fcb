import { useEffect } from 'react';
import { api, unwrap } from '@/lib/api/client';
import type { Data } from './graph/types';
import { useStudioStore } from './store';

const QUIET_MS = 800;

/** Asks the server what is wrong with the draft, a moment after each change. */
export function useCheck(appId: string): void {
  const store = useStudioStore();
  useEffect(() => {
    if (!store.getState().canEdit) return;
    let abort = new AbortController();
    const ask = () => {
      abort = new AbortController();
      void unwrap(
        api.POST('/api/apps/{app_id}/draft/check', {
          params: { path: { app_id: appId } },
          body: { config: store.getState().config as Data },
          signal: abort.signal,
        }),
      )
        .then(({ data }) => store.getState().setIssues(data))
        // the next change asks again
        .catch(() => undefined);
    };
    let timer = setTimeout(ask, QUIET_MS);
    const forget = () => {
      clearTimeout(timer);
      abort.abort();
    };
    const unsubscribe = store.subscribe((now, before) => {
      if (now.config === before.config) return;
      forget();
      timer = setTimeout(ask, QUIET_MS);
    });
    return () => {
      unsubscribe();
      forget();
    };
  }, [appId, store]);
}
