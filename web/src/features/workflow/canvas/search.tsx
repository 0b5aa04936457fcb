import { Search } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { type KeyboardEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { noteText } from '../graph/note';
import { isInnerStart, isNote, type RawNode, text, titleOf, typeOf } from '../graph/types';
import { KindStone } from '../nodes/kind-icon';
import { useStudio } from '../store';
import { useUi } from '../ui';

/** Finds a node by its title, its kind, or what it says, and goes there. */
export function NodeSearch({ onPick }: { onPick: (id: string) => void }) {
  const { t } = useTranslation();
  const set = useUi((ui) => ui.set);
  const nodes = useStudio((studio) => studio.config.graph.nodes);
  const [search, setSearch] = useState('');
  const [active, setActive] = useState(0);
  const wanted = search.trim().toLowerCase();
  const label = (node: RawNode) =>
    isNote(node) ? noteText(node.data.text).slice(0, 80) || t('studio.canvas.note') : titleOf(node);
  const found = nodes
    .filter((node) => !isInnerStart(typeOf(node)))
    .filter((node) =>
      `${label(node)} ${typeOf(node)} ${node.id} ${text(node.data.desc)} ${wanted.length > 2 ? JSON.stringify(node.data) : ''}`
        .toLowerCase()
        .includes(wanted),
    )
    .slice(0, 60);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setActive((active + (event.key === 'ArrowDown' ? 1 : found.length - 1)) % Math.max(found.length, 1));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const node = found[active];
      if (node) onPick(node.id);
    }
  };
  return (
    <Dialog.Root open onOpenChange={() => set({ isSearching: false })}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-black/20 dark:bg-black/50" />
        <Dialog.Content
          aria-describedby={undefined}
          className="-translate-x-1/2 fixed top-[14vh] left-1/2 z-50 flex max-h-[60vh] w-[calc(100vw-2rem)] max-w-lg animate-fade flex-col overflow-hidden rounded-xl border bg-raised shadow-3 outline-none"
        >
          <Dialog.Title className="sr-only">{t('studio.canvas.search')}</Dialog.Title>
          <div className="flex items-center gap-2.5 border-b px-4">
            <Search className="size-4 text-ink-3" aria-hidden />
            <input
              // biome-ignore lint/a11y/noAutofocus: a dialog for nothing else
              autoFocus
              aria-label={t('studio.canvas.search')}
              placeholder={t('studio.canvas.searchPlaceholder')}
              value={search}
              onChange={(event) => {
                setSearch(event.target.value);
                setActive(0);
              }}
              onKeyDown={onKeyDown}
              className="h-12 grow bg-transparent text-base outline-none placeholder:text-ink-3"
            />
          </div>
          <div className="min-h-0 overflow-y-auto p-1.5">
            {found.length === 0 && (
              <p className="px-3 py-6 text-center text-ink-3 text-sm">{t('studio.canvas.notFound')}</p>
            )}
            {found.map((node, i) => (
              <button
                key={node.id}
                type="button"
                onMouseEnter={() => setActive(i)}
                onClick={() => onPick(node.id)}
                className={cn(
                  'flex w-full items-center gap-2.5 rounded-md px-2 py-1.5 text-left',
                  i === active && 'bg-hover',
                )}
              >
                <KindStone type={typeOf(node)} />
                <span className="min-w-0 grow truncate text-sm">{label(node)}</span>
                <span className="shrink-0 font-mono text-2xs text-ink-3">{node.id}</span>
              </button>
            ))}
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
