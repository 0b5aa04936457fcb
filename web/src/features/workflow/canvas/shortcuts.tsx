import { useTranslation } from 'react-i18next';
import { Dialog } from '@/components/ui/dialog';
import { useUi } from '../ui';

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const MOD = MAC ? '⌘' : 'Ctrl';

/** Every key of the canvas, as the help sheet lists them. */
const KEYS = [
  ['add', ['N']],
  ['search', [`${MOD} K`, '/']],
  ['run', [`${MOD} ↵`]],
  ['save', [`${MOD} S`]],
  ['undo', [`${MOD} Z`]],
  ['redo', [`${MOD} ⇧ Z`, `${MOD} Y`]],
  ['copy', [`${MOD} C`]],
  ['paste', [`${MOD} V`]],
  ['duplicate', [`${MOD} D`]],
  ['remove', ['Del', '⌫']],
  ['all', [`${MOD} A`]],
  ['several', ['⇧ + drag']],
  ['move', ['← ↑ → ↓']],
  ['arrange', ['L']],
  ['fit', ['F']],
  ['zoom', ['+', '−']],
  ['map', ['M']],
  ['close', ['Esc']],
  ['help', ['?']],
] as const;

export function ShortcutsSheet() {
  const { t } = useTranslation();
  const open = useUi((ui) => ui.isHelping);
  const set = useUi((ui) => ui.set);
  return (
    <Dialog
      open={open}
      onOpenChange={(isHelping) => set({ isHelping })}
      title={t('studio.keys.title')}
      className="max-w-xl"
    >
      <dl className="grid gap-x-8 gap-y-1.5 sm:grid-cols-2">
        {KEYS.map(([name, keys]) => (
          <div key={name} className="flex items-center justify-between gap-3 text-sm">
            <dt>{t(`studio.keys.${name}`)}</dt>
            <dd className="flex gap-1">
              {keys.map((key) => (
                <kbd
                  key={key}
                  className="rounded border border-line-strong bg-sunken px-1.5 font-mono text-2xs text-ink-2 leading-5"
                >
                  {key === '⇧ + drag' ? t('studio.keys.drag') : key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
