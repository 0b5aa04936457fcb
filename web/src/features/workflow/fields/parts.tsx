import { ChevronRight, Plus, X } from 'lucide-react';
import { type ReactNode, useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import { Input } from '@/components/ui/input';
import { Switch } from '@/components/ui/switch';
import { cn } from '@/lib/cn';

interface SectionProps {
  title: string;
  hint?: ReactNode;
  action?: ReactNode;
  children?: ReactNode;
}

/** A titled part of a node's form: one course of the wall. */
export function Section({ title, hint, action, children }: SectionProps) {
  const id = useId();
  const isEmpty = children === undefined || children === null;
  return (
    <section aria-labelledby={id} className="border-t px-4 py-3.5 first:border-t-0">
      <div className={cn('flex min-h-6.5 items-center gap-2', !isEmpty && 'mb-2')}>
        <h3 id={id} className="min-w-0 grow font-semibold text-sm">
          {title}
        </h3>
        {action}
      </div>
      {hint && <p className={cn('text-ink-3 text-xs', isEmpty ? 'mt-1.5' : '-mt-1.5 mb-2.5')}>{hint}</p>}
      {children}
    </section>
  );
}

/** The same, closed until it is wanted. */
export function Fold({ title, children, isOpen = false }: { title: string; children: ReactNode; isOpen?: boolean }) {
  const [open, setOpen] = useState(isOpen);
  return (
    <section className="border-t">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full items-center gap-1.5 px-4 py-3 text-left font-semibold text-sm hover:bg-hover"
      >
        <ChevronRight className={cn('size-4 text-ink-3 transition-transform', open && 'rotate-90')} aria-hidden />
        {title}
      </button>
      {open && <div className="px-4 pb-4">{children}</div>}
    </section>
  );
}

interface ToggleProps {
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled: boolean;
  children?: ReactNode;
}

/** A switch whose settings open under it. */
export function Toggle({ label, hint, checked, onChange, disabled, children }: ToggleProps) {
  const id = useId();
  return (
    <div>
      <div className="flex min-h-7 items-center gap-3">
        <label htmlFor={id} className="min-w-0 grow font-medium text-sm">
          {label}
          {hint && <span className="block font-normal text-ink-3 text-xs">{hint}</span>}
        </label>
        <Switch id={id} checked={checked} onCheckedChange={onChange} disabled={disabled} />
      </div>
      {checked && children && <div className="mt-2 space-y-2.5">{children}</div>}
    </div>
  );
}

interface CheckProps {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  className?: string;
}

export function Check({ label, checked, onChange, disabled = false, className }: CheckProps) {
  const id = useId();
  return (
    <span className={cn('flex items-center gap-2 text-sm', className)}>
      <Checkbox id={id} checked={checked} disabled={disabled} onCheckedChange={(on) => onChange(on === true)} />
      <label htmlFor={id}>{label}</label>
    </span>
  );
}

export function AddButton({ label, onClick, disabled }: { label: string; onClick: () => void; disabled: boolean }) {
  return (
    <Button variant="ghost" size="xs" onClick={onClick} disabled={disabled}>
      <Plus />
      {label}
    </Button>
  );
}

export function RemoveButton({ label, onClick, disabled }: { label: string; onClick: () => void; disabled: boolean }) {
  const { t } = useTranslation();
  return (
    <Button
      variant="ghost"
      size="icon"
      className="text-ink-3"
      aria-label={`${t('common.remove')}: ${label}`}
      onClick={onClick}
      disabled={disabled}
    >
      <X />
    </Button>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return (
    <p className="rounded-md border border-line-strong border-dashed px-3 py-2.5 text-ink-3 text-sm">{children}</p>
  );
}

interface NumberProps {
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number;
  unit?: string;
  onChange: (value: number) => void;
  disabled: boolean;
}

/** A number within bounds; what is being typed stays until it is one. */
export function NumberField({ label, value, min, max, step = 1, unit, onChange, disabled }: NumberProps) {
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <div className="flex min-h-8 items-center gap-3 text-sm">
      <label htmlFor={id} className="min-w-0 grow">
        {label}
      </label>
      <Input
        id={id}
        type="number"
        className="h-8 w-24 px-2 text-right tabular-nums"
        min={min}
        max={max}
        step={step}
        value={typed ?? value}
        disabled={disabled}
        onChange={(event) => {
          setTyped(event.target.value);
          const next = event.target.valueAsNumber;
          if (Number.isFinite(next) && next >= min && next <= max) onChange(next);
        }}
        onBlur={() => {
          const next = Number(typed);
          if (typed !== null && typed !== '' && Number.isFinite(next)) onChange(Math.min(max, Math.max(min, next)));
          setTyped(null);
        }}
      />
      {unit && <span className="w-6 text-ink-3 text-xs">{unit}</span>}
    </div>
  );
}

interface NameProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Names that others have. */
  taken?: readonly string[];
  pattern?: RegExp;
  placeholder?: string;
  disabled: boolean;
  className?: string;
}

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,29}$/;

/** A variable's name. It is the draft's once it is one; what is typed in between stays here. */
export function NameField({
  label,
  value,
  onChange,
  taken = [],
  pattern = VARIABLE,
  placeholder,
  disabled,
  className,
}: NameProps) {
  const { t } = useTranslation();
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? value;
  const problem =
    shown !== '' && !pattern.test(shown)
      ? t('validation.variableName')
      : taken.includes(shown)
        ? t('validation.variableTaken')
        : null;
  return (
    <div className={cn('min-w-0', className)}>
      <Input
        aria-label={label}
        aria-invalid={problem !== null}
        aria-describedby={problem ? `${id}-problem` : undefined}
        className="h-8 px-2 font-mono text-xs"
        value={shown}
        placeholder={placeholder ?? label}
        spellCheck={false}
        disabled={disabled}
        onChange={(event) => {
          const next = event.target.value;
          setTyped(next);
          if (pattern.test(next) && !taken.includes(next)) onChange(next);
        }}
        onBlur={() => setTyped(null)}
      />
      {problem && (
        <p id={`${id}-problem`} role="alert" className="mt-0.5 text-2xs text-danger">
          {problem}
        </p>
      )}
    </div>
  );
}

/** A name that nobody has: `item`, `item_2`, … */
export function freeName(base: string, taken: readonly string[]): string {
  let name = base;
  for (let n = 2; taken.includes(name); n += 1) name = `${base}_${n}`;
  return name;
}

/** A list with one element replaced, or taken out. */
export const replaced = <T,>(items: readonly T[], index: number, item: T): T[] =>
  items.map((old, i) => (i === index ? item : old));
export const without = <T,>(items: readonly T[], index: number): T[] => items.filter((_, i) => i !== index);
