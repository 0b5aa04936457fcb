import type { TFunction } from 'i18next';
import { ChevronRight, Search } from 'lucide-react';
import { Fragment, type KeyboardEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import type { Variable } from '../graph/outputs';
import { fits, type Source } from '../graph/scope';
import { KindIcon } from '../nodes/kind-icon';

interface Row {
  selector: string[];
  type: string;
  isFitting: boolean;
  depth: number;
  source: Source;
  hasMore: boolean;
}

interface VariableListProps {
  sources: Source[];
  /** Types that can be chosen; none: all. */
  types?: readonly string[] | undefined;
  onPick: (selector: string[]) => void;
}

/** Variables by the node that gives them, with their types; objects open to what lies inside of them. */
export function VariableList({ sources, types, onPick }: VariableListProps) {
  const { t } = useTranslation();
  const [search, setSearch] = useState('');
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const rows = rowsOf(sources, types, search.trim().toLowerCase(), open);
  const pickable = rows.filter((row) => row.isFitting);

  const toggle = (row: Row) => {
    const key = row.selector.join('.');
    setOpen((all) => {
      const next = new Set(all);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const next = (active + (event.key === 'ArrowDown' ? 1 : pickable.length - 1)) % Math.max(pickable.length, 1);
      setActive(next);
      box.current?.querySelector(`[data-row="${next}"]`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'ArrowRight' && pickable[active]?.hasMore) {
      toggle(pickable[active]);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const row = pickable[active];
      if (row) onPick(row.selector);
    }
  };
  let at = -1;
  return (
    <div className="flex w-80 max-w-[calc(100vw-2rem)] flex-col">
      <div className="flex items-center gap-2 border-b px-3">
        <Search className="size-4 text-ink-3" aria-hidden />
        <input
          // biome-ignore lint/a11y/noAutofocus: a list that was just asked for is searched at once
          autoFocus
          aria-label={t('studio.vars.search')}
          placeholder={t('studio.vars.search')}
          value={search}
          onChange={(event) => {
            setSearch(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
          className="h-9.5 grow bg-transparent text-sm outline-none placeholder:text-ink-3"
        />
      </div>
      <div ref={box} className="max-h-80 overflow-y-auto p-1.5">
        {rows.length === 0 && <p className="px-3 py-5 text-center text-ink-3 text-sm">{t('studio.vars.none')}</p>}
        {rows.map((row, i) => {
          if (row.isFitting) at += 1;
          const index = at;
          const isFirst = rows[i - 1]?.source !== row.source;
          return (
            <Fragment key={row.selector.join('.')}>
              {isFirst && (
                <p className="flex items-center gap-1.5 px-2 pt-2 pb-1 text-ink-3 text-xs">
                  <KindIcon type={row.source.type} className="size-3.5" />
                  <span className="truncate">{sourceTitle(row.source, t)}</span>
                </p>
              )}
              <div className="flex items-center" style={{ paddingLeft: row.depth * 14 }}>
                <button
                  type="button"
                  data-row={row.isFitting ? index : undefined}
                  disabled={!row.isFitting}
                  onClick={() => onPick(row.selector)}
                  onMouseEnter={() => row.isFitting && setActive(index)}
                  className={cn(
                    'flex min-w-0 grow items-center gap-2 rounded-md px-2 py-1.5 text-left',
                    row.isFitting ? index === active && 'bg-hover' : 'opacity-55',
                  )}
                >
                  <code className="min-w-0 truncate font-mono text-accent-ink text-xs">{row.selector.at(-1)}</code>
                  <span className="ml-auto shrink-0 font-mono text-2xs text-ink-3">{row.type}</span>
                </button>
                {row.hasMore && (
                  <button
                    type="button"
                    aria-label={t('studio.vars.inside', { name: row.selector.at(-1) ?? '' })}
                    aria-expanded={open.has(row.selector.join('.'))}
                    onClick={() => toggle(row)}
                    className="rounded p-1 text-ink-3 hover:bg-hover hover:text-ink"
                  >
                    <ChevronRight
                      className={cn('size-3.5 transition-transform', open.has(row.selector.join('.')) && 'rotate-90')}
                      aria-hidden
                    />
                  </button>
                )}
              </div>
            </Fragment>
          );
        })}
      </div>
    </div>
  );
}

function rowsOf(
  sources: Source[],
  types: readonly string[] | undefined,
  search: string,
  open: ReadonlySet<string>,
): Row[] {
  const rows: Row[] = [];
  const add = (source: Source, variables: Variable[], path: string[], depth: number) => {
    for (const variable of variables) {
      const selector = [...path, variable.name];
      const inside = variable.children ?? [];
      const isFitting = fits(variable.type, types);
      const fitting = isFitting || inside.some((child) => fits(child.type, types));
      const found = !search || `${source.title} ${selector.slice(1).join('.')}`.toLowerCase().includes(search);
      if (found && fitting) {
        rows.push({ selector, type: variable.type, isFitting, depth, source, hasMore: inside.length > 0 });
        const isOpen = open.has(selector.join('.')) || !isFitting;
        if (isOpen && inside.length > 0) add(source, inside, selector, depth + 1);
      } else if (search && inside.length > 0) add(source, inside, selector, depth + 1);
    }
  };
  for (const source of sources) add(source, source.variables, [source.id], 0);
  return rows;
}

/** A node's title, or the name of one of the flow's own sources. */
export function sourceTitle(source: Pick<Source, 'id' | 'title'>, t: TFunction): string {
  if (source.id === 'sys' || source.id === 'env' || source.id === 'conversation') return t(`studio.vars.${source.id}`);
  return source.title;
}
