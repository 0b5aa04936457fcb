import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { findNode, type Selector, titleOf } from '../graph/types';
import { useStudio } from '../store';

/** One course of a block: a line under its title. */
export function Course({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <div
      className={cn(
        'flex min-h-7 min-w-0 items-center gap-1.5 border-line border-t px-2.5 py-1 text-ink-2 text-xs',
        className,
      )}
    >
      {children}
    </div>
  );
}

/** A variable in few words: its node's title and its name. */
export function Named({ selector }: { selector: Selector }) {
  const { t } = useTranslation();
  const [id = '', ...path] = selector;
  const title = useStudio((studio) => {
    const node = findNode(studio.config.graph, id);
    return node ? titleOf(node) : '';
  });
  if (selector.length < 2) return <span className="text-ink-3">{t('studio.vars.choose')}</span>;
  const own = id === 'sys' || id === 'env' || id === 'conversation';
  return (
    <span className="inline-flex min-w-0 max-w-full items-baseline gap-1">
      {!own && <span className="min-w-0 truncate text-ink-3">{title || id}</span>}
      <code className="min-w-0 truncate font-mono text-[0.6875rem] text-accent-ink">
        {own ? selector.join('.') : path.join('.')}
      </code>
    </span>
  );
}

/** Text with its variables as their names only. */
export function plain(text: string, max = 90): string {
  const shown = text
    .replace(/\{\{#(?:[^#{}\s]+\.)?([^#{}\s.]+)#\}\}/g, '{$1}')
    .replace(/\s+/g, ' ')
    .trim();
  return shown.length > max ? `${shown.slice(0, max)}…` : shown;
}
