import { TriangleAlert, Variable as VariableIcon, X } from 'lucide-react';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { cn } from '@/lib/cn';
import { fits, lookUp, type Source } from '../graph/scope';
import type { Selector } from '../graph/types';
import { KindIcon } from '../nodes/kind-icon';
import { useScope } from './scope';
import { sourceTitle, VariableList } from './variable-list';

interface SelectorFieldProps {
  label: string;
  /** Shown over the field, not only said. */
  isLabelled?: boolean;
  value: Selector;
  onChange: (selector: string[], type: string) => void;
  types?: readonly string[] | undefined;
  /** Of containers: what lies inside of them. */
  inside?: boolean;
  /** Instead of the node's scope. */
  sources?: Source[];
  isClearable?: boolean;
  disabled: boolean;
  className?: string;
}

/** A variable that is chosen, not typed. */
export function SelectorField(props: SelectorFieldProps) {
  const { label, isLabelled, value, onChange, types, inside, isClearable, disabled, className } = props;
  const { t } = useTranslation();
  const id = useId();
  const [open, setOpen] = useState(false);
  const scope = useScope(inside);
  const sources = props.sources ?? scope;
  return (
    <div className={cn('min-w-0', className)}>
      {isLabelled && (
        <label htmlFor={id} className="mb-1.5 block font-medium text-sm">
          {label}
        </label>
      )}
      <Popover open={open} onOpenChange={setOpen}>
        <div className="relative flex">
          <PopoverTrigger
            id={id}
            disabled={disabled}
            className="flex h-8 w-full min-w-0 items-center gap-1.5 rounded-md border border-line-strong bg-surface px-2 text-left shadow-1 transition-colors hover:border-ink-3/60 disabled:opacity-60"
          >
            {!isLabelled && <span className="sr-only">{label}: </span>}
            <Chosen value={value} types={types} sources={sources} />
          </PopoverTrigger>
          {isClearable && value.length > 0 && !disabled && (
            <button
              type="button"
              aria-label={`${t('common.remove')}: ${label}`}
              onClick={() => onChange([], 'any')}
              className="absolute top-1.5 right-1.5 rounded bg-surface p-0.5 text-ink-3 hover:text-ink"
            >
              <X className="size-4" aria-hidden />
            </button>
          )}
        </div>
        <PopoverContent aria-label={label} align="start">
          <VariableList
            sources={sources}
            types={types}
            onPick={(selector) => {
              onChange(selector, lookUp(sources, selector)?.type ?? 'any');
              setOpen(false);
            }}
          />
        </PopoverContent>
      </Popover>
    </div>
  );
}

function Chosen({
  value,
  types,
  sources,
}: {
  value: Selector;
  types: readonly string[] | undefined;
  sources: Source[];
}) {
  const { t } = useTranslation();
  if (value.length < 2) {
    return (
      <>
        <VariableIcon className="size-3.5 shrink-0 text-ink-3" aria-hidden />
        <span className="truncate text-ink-3 text-sm">{t('studio.vars.choose')}</span>
      </>
    );
  }
  const found = lookUp(sources, value);
  const isGood = found !== null && fits(found.type, types);
  return (
    <>
      {isGood ? (
        <KindIcon type={found.source.type} className="size-3.5 shrink-0" />
      ) : (
        <TriangleAlert className="size-3.5 shrink-0 text-warn" aria-hidden />
      )}
      <span className="min-w-0 shrink truncate text-ink-2 text-xs">
        {found ? sourceTitle(found.source, t) : value[0]}
      </span>
      <span className="text-ink-3 text-xs">›</span>
      <code className={cn('min-w-0 shrink-0 truncate font-mono text-xs', isGood ? 'text-accent-ink' : 'text-warn-ink')}>
        {value.slice(1).join('.')}
      </code>
      <span className="ml-auto shrink-0 pl-1 font-mono text-2xs text-ink-3">
        {found ? found.type : t('studio.vars.missing')}
      </span>
    </>
  );
}
