import { Check, ChevronDown } from 'lucide-react';
import { Select as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

interface SelectProps {
  value: string;
  onValueChange: (value: string) => void;
  options: readonly { value: string; label: string; hint?: string }[];
  placeholder?: string;
  disabled?: boolean | undefined;
  className?: string;
  id?: string;
  'aria-label'?: string;
  'aria-invalid'?: boolean;
  'aria-describedby'?: string | undefined;
  size?: 'sm' | 'md';
}

// Radix keeps the empty string for "nothing chosen", so an empty option travels under another name.
const EMPTY = '\u0000';

export function Select({
  value,
  onValueChange,
  options,
  placeholder,
  disabled,
  className,
  size = 'md',
  ...aria
}: SelectProps) {
  return (
    <Radix.Root
      value={options.some((o) => o.value === '') && value === '' ? EMPTY : value}
      onValueChange={(next) => onValueChange(next === EMPTY ? '' : next)}
      disabled={disabled ?? false}
    >
      <Radix.Trigger
        className={cn(
          'flex w-full items-center justify-between gap-2 rounded-md border border-line-strong bg-surface px-3 text-left text-sm shadow-1 transition-colors hover:border-ink-3/60 focus-visible:border-accent focus-visible:outline-none focus-visible:ring-3 focus-visible:ring-accent/20 disabled:opacity-55 aria-invalid:border-danger data-[placeholder]:text-ink-3',
          size === 'sm' ? 'h-8' : 'h-9',
          className,
        )}
        {...aria}
      >
        <span className="truncate">
          <Radix.Value placeholder={placeholder} />
        </span>
        <ChevronDown className="size-4 shrink-0 text-ink-3" aria-hidden />
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          position="popper"
          sideOffset={4}
          className="z-60 max-h-[min(20rem,var(--radix-select-content-available-height))] min-w-[var(--radix-select-trigger-width)] animate-in overflow-hidden rounded-lg border border-line bg-raised shadow-3"
        >
          <Radix.Viewport className="p-1">
            {options.map((option) => (
              <SelectItem key={option.value} value={option.value === '' ? EMPTY : option.value}>
                <Radix.ItemText>{option.label}</Radix.ItemText>
                {option.hint && <span className="block text-ink-3 text-xs">{option.hint}</span>}
              </SelectItem>
            ))}
          </Radix.Viewport>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function SelectItem({ children, ...props }: ComponentProps<typeof Radix.Item>) {
  return (
    <Radix.Item
      className="relative flex select-none items-center rounded-md py-1.5 pr-8 pl-2.5 text-sm outline-none data-[highlighted]:bg-hover"
      {...props}
    >
      <span className="min-w-0">{children}</span>
      <Radix.ItemIndicator className="absolute right-2.5">
        <Check className="size-4 text-accent" aria-hidden />
      </Radix.ItemIndicator>
    </Radix.Item>
  );
}
