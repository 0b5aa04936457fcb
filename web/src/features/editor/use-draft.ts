import { useCallback, useRef, useState } from 'react';
import type { App } from '@/lib/api/types';
import { type AppConfig, parseConfig } from '@/lib/app-config';
import { type Autosave, useAutosave } from '@/lib/use-autosave';

export interface Draft extends Autosave {
  config: AppConfig;
  change: (change: (config: AppConfig) => AppConfig) => void;
}

/** The draft of a basic app being edited. */
export function useDraft(app: App): Draft {
  const [config, setConfig] = useState(() => parseConfig(app.draft));
  const latest = useRef(config);
  const onReplaced = useCallback((next: App) => {
    latest.current = parseConfig(next.draft);
    setConfig(latest.current);
    return latest.current;
  }, []);
  const { touch, ...autosave } = useAutosave({ app, initial: config, onReplaced });
  const change = useCallback(
    (edit: (config: AppConfig) => AppConfig) => {
      latest.current = edit(latest.current);
      setConfig(latest.current);
      touch(latest.current);
    },
    [touch],
  );
  return { ...autosave, config, change };
}
