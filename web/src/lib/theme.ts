import { useSyncExternalStore } from 'react';
import { recall, remember } from './storage';

export type Theme = 'system' | 'light' | 'dark';

const KEY = 'ashlar.theme';
const listeners = new Set<() => void>();
/** Of whoever has not chosen. */
let suggested: Theme = 'system';
const media = () => window.matchMedia('(prefers-color-scheme: dark)');

function currentTheme(): Theme {
  const stored = recall(KEY);
  return stored === 'light' || stored === 'dark' || stored === 'system' ? stored : suggested;
}

function apply() {
  const theme = currentTheme();
  document.documentElement.classList.toggle('dark', theme === 'dark' || (theme === 'system' && media().matches));
  for (const listener of listeners) listener();
}

export function setTheme(theme: Theme) {
  remember(KEY, theme);
  apply();
}

/** How a page looks to whoever has not chosen; nothing is stored. */
export function suggestTheme(theme: Theme) {
  suggested = theme;
  apply();
}

/** Applies the stored choice and follows the system from now on. */
export function startTheme() {
  apply();
  media().addEventListener('change', apply);
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useTheme = () => useSyncExternalStore(subscribe, currentTheme);
export const useIsDark = () =>
  useSyncExternalStore(subscribe, () => document.documentElement.classList.contains('dark'));
