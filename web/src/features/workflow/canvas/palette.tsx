import { Search } from 'lucide-react';
import { Popover } from 'radix-ui';
import { type KeyboardEvent, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { type Adding, canAdd } from '../actions';
import { ToolList } from '../fields/tool-picker';
import { KIND_NAMES, type KindName } from '../nodes/kind';
import { KindStone } from '../nodes/kind-icon';
import { type Family, lookOf } from '../nodes/looks';
import { useStudio } from '../store';
import { type Target, useUi } from '../ui';

const FAMILIES: Family[] = ['entry', 'model', 'knowledge', 'logic', 'data', 'outside', 'end'];

/** What a drag from the palette carries. */
export const DRAG_TYPE = 'application/x-ashlar-node';

/** What can be added, by family; opened where it was asked for. */
export function Palette({ onAdd }: { onAdd: (adding: Adding, target: Target) => void }) {
  const palette = useUi((ui) => ui.palette);
  const set = useUi((ui) => ui.set);
  const anchor = useMemo(
    () => ({
      current: palette
        ? { getBoundingClientRect: () => DOMRect.fromRect({ ...palette.screen, width: 0, height: 0 }) }
        : { getBoundingClientRect: () => new DOMRect() },
    }),
    [palette],
  );
  return (
    <Popover.Root open={palette !== null} onOpenChange={(open) => !open && set({ palette: null })}>
      <Popover.Anchor virtualRef={anchor} />
      <Popover.Portal>
        <Popover.Content
          side="right"
          align="start"
          sideOffset={6}
          collisionPadding={12}
          className="z-50 flex max-h-[min(34rem,var(--radix-popover-content-available-height))] w-76 animate-in flex-col rounded-xl border border-line bg-raised shadow-3 outline-none"
        >
          {palette && (
            <PaletteList
              target={palette.target}
              onPick={(adding) => {
                set({ palette: null });
                onAdd(adding, palette.target);
              }}
            />
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function PaletteList({ target, onPick }: { target: Target; onPick: (adding: Adding) => void }) {
  const { t } = useTranslation();
  const graph = useStudio((studio) => studio.config.graph);
  const isChat = useStudio((studio) => studio.isChat);
  const [search, setSearch] = useState('');
  const [tab, setTab] = useState<'nodes' | 'tools'>('nodes');
  const [active, setActive] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const wanted = search.trim().toLowerCase();
  const matches = (name: KindName) =>
    `${name} ${t(`studio.kinds.${name}.title`)} ${t(`studio.kinds.${name}.text`)}`.toLowerCase().includes(wanted);
  const names = FAMILIES.flatMap((family) =>
    KIND_NAMES.filter(
      (name) =>
        name !== 'tool' && lookOf(name).family === family && canAdd(name, graph, { isChat, target }) && matches(name),
    ),
  );
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      const next = (active + (event.key === 'ArrowDown' ? 1 : names.length - 1)) % Math.max(names.length, 1);
      setActive(next);
      box.current?.querySelector(`[data-row="${next}"]`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter' && tab === 'nodes') {
      event.preventDefault();
      const name = names[active];
      if (name) onPick({ name });
    }
  };
  return (
    <>
      <div className="flex items-center gap-2 border-b px-3">
        <Search className="size-4 text-ink-3" aria-hidden />
        <input
          // biome-ignore lint/a11y/noAutofocus: a list that was just asked for is searched at once
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls="palette-list"
          aria-activedescendant={tab === 'nodes' && names[active] ? `palette-${names[active]}` : undefined}
          aria-label={t('studio.palette.search')}
          placeholder={t('studio.palette.search')}
          value={search}
          onChange={(event) => {
            setSearch(event.target.value);
            setActive(0);
          }}
          onKeyDown={onKeyDown}
          className="h-10 grow bg-transparent text-sm outline-none placeholder:text-ink-3"
        />
      </div>
      <div role="tablist" aria-label={t('studio.palette.what')} className="flex gap-4 border-b px-3.5">
        {(['nodes', 'tools'] as const).map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            aria-selected={tab === one}
            onClick={() => setTab(one)}
            className="-mb-px border-transparent border-b-2 py-1.5 text-ink-3 text-xs aria-selected:border-accent aria-selected:font-medium aria-selected:text-ink"
          >
            {t(`studio.palette.${one}`)}
          </button>
        ))}
      </div>
      <div
        ref={box}
        id="palette-list"
        role="listbox"
        aria-label={t('studio.palette.what')}
        className="min-h-0 grow overflow-y-auto p-1.5"
      >
        {tab === 'tools' ? (
          <ToolList search={search} onPick={(tool) => onPick({ name: 'tool', tool })} />
        ) : names.length === 0 ? (
          <p className="px-3 py-6 text-center text-ink-3 text-sm">{t('studio.palette.none')}</p>
        ) : (
          names.map((name, i) => {
            const { family } = lookOf(name);
            const isFirst = i === 0 || lookOf(names[i - 1] ?? '').family !== family;
            return (
              <div key={name}>
                {isFirst && (
                  <p className="px-2 pt-2 pb-1 text-ink-3 text-xs">{t(`studio.palette.families.${family}`)}</p>
                )}
                <div
                  id={`palette-${name}`}
                  role="option"
                  aria-selected={i === active}
                  tabIndex={-1}
                  data-row={i}
                  draggable
                  onDragStart={(event) => {
                    event.dataTransfer.setData(DRAG_TYPE, name);
                    event.dataTransfer.effectAllowed = 'copy';
                    // the list must not close before the drag has begun
                    setTimeout(() => useUi.getState().set({ palette: null }), 50);
                  }}
                  onMouseEnter={() => setActive(i)}
                  onClick={() => onPick({ name })}
                  onKeyDown={onKeyDown}
                  className={cn(
                    'flex cursor-pointer items-center gap-2.5 rounded-md px-2 py-1.5',
                    i === active && 'bg-hover',
                  )}
                >
                  <KindStone type={name} />
                  <span className="min-w-0">
                    <span className="block truncate text-sm leading-4.5">{t(`studio.kinds.${name}.title`)}</span>
                    <span className="block truncate text-2xs text-ink-3 leading-4">
                      {t(`studio.kinds.${name}.text`)}
                    </span>
                  </span>
                </div>
              </div>
            );
          })
        )}
      </div>
    </>
  );
}
