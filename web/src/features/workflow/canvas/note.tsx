import { type NodeProps, NodeResizeControl } from '@xyflow/react';
import { memo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import type { FlowNode } from '../graph/flow';
import { keptNote, noteText } from '../graph/note';
import { text } from '../graph/types';
import { useStudioStore } from '../store';

const THEMES = {
  yellow:
    'bg-[color-mix(in_oklab,oklch(0.85_0.12_95)_28%,var(--surface))] border-[color-mix(in_oklab,oklch(0.8_0.13_95)_60%,var(--line))]',
  blue: 'bg-[color-mix(in_oklab,oklch(0.75_0.1_245)_20%,var(--surface))] border-[color-mix(in_oklab,oklch(0.7_0.1_245)_50%,var(--line))]',
  cyan: 'bg-[color-mix(in_oklab,oklch(0.8_0.09_200)_22%,var(--surface))] border-[color-mix(in_oklab,oklch(0.75_0.09_200)_50%,var(--line))]',
  green:
    'bg-[color-mix(in_oklab,oklch(0.8_0.11_150)_22%,var(--surface))] border-[color-mix(in_oklab,oklch(0.75_0.11_150)_50%,var(--line))]',
  pink: 'bg-[color-mix(in_oklab,oklch(0.8_0.1_0)_22%,var(--surface))] border-[color-mix(in_oklab,oklch(0.75_0.1_0)_50%,var(--line))]',
  violet:
    'bg-[color-mix(in_oklab,oklch(0.75_0.1_300)_22%,var(--surface))] border-[color-mix(in_oklab,oklch(0.7_0.1_300)_50%,var(--line))]',
} as const;
type Theme = keyof typeof THEMES;

/** A note to people: it does nothing. */
export const NoteBlock = memo(function NoteBlock({ id, data: { raw }, selected }: NodeProps<FlowNode>) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const { canEdit } = store.getState();
  const kept = text(raw.data.text);
  const [typed, setTyped] = useState<string | null>(null);
  const theme = text(raw.data.theme) as Theme;
  const commit = () => {
    if (typed !== null && typed !== noteText(kept)) {
      store.getState().editData(id, (data) => ({ ...data, text: keptNote(typed) }));
    }
    setTyped(null);
  };
  return (
    <div
      className={cn(
        'relative h-full w-full rounded-[4px] border',
        THEMES[theme] ?? THEMES.yellow,
        selected && 'ring-1 ring-accent',
      )}
    >
      <textarea
        aria-label={t('studio.canvas.note')}
        className={cn(
          'size-full resize-none bg-transparent px-2.5 py-2 text-ink text-xs leading-4.5 outline-none placeholder:text-ink-3',
          selected && canEdit ? 'nodrag nowheel' : 'pointer-events-none',
        )}
        placeholder={t('studio.canvas.notePlaceholder')}
        value={typed ?? noteText(kept)}
        readOnly={!canEdit}
        tabIndex={selected ? 0 : -1}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      {raw.data.showAuthor === true && text(raw.data.author) && (
        <span className="pointer-events-none absolute right-2 bottom-1 text-2xs text-ink-3">
          {text(raw.data.author)}
        </span>
      )}
      {selected && canEdit && (
        <>
          <div className="-top-8 absolute left-0 flex gap-1 rounded-md border bg-raised p-1 shadow-2">
            {(Object.keys(THEMES) as Theme[]).map((one) => (
              <button
                key={one}
                type="button"
                aria-label={t(`studio.canvas.themes.${one}`)}
                aria-pressed={theme === one}
                onClick={() => store.getState().editData(id, (data) => ({ ...data, theme: one }))}
                className={cn(
                  'nodrag size-4.5 rounded-[3px] border',
                  THEMES[one],
                  theme === one && 'ring-1 ring-accent',
                )}
              />
            ))}
          </div>
          <NodeResizeControl minWidth={140} minHeight={56} position="bottom-right" className="handle" />
        </>
      )}
    </div>
  );
});
