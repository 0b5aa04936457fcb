import { RadioGroup } from 'radix-ui';
import type { ReactNode } from 'react';

interface ChoiceCardsProps<T extends string> {
  value: T;
  onChange: (value: T) => void;
  label: string;
  options: readonly { value: T; title: string; text: string; icon: ReactNode }[];
  /** Another way, in the cell behind the last choice. */
  other?: ReactNode;
}

export function ChoiceCards<T extends string>({ value, onChange, label, options, other }: ChoiceCardsProps<T>) {
  return (
    <div className="grid grid-cols-1 gap-2 sm:grid-cols-2">
      <RadioGroup.Root
        value={value}
        onValueChange={(next) => onChange(next as T)}
        aria-label={label}
        className="contents"
      >
        {options.map((option) => (
          <RadioGroup.Item
            key={option.value}
            value={option.value}
            className="group flex items-start gap-3 rounded-lg border border-line-strong bg-surface p-3 text-left transition-colors hover:bg-sunken data-[state=checked]:border-accent data-[state=checked]:bg-accent-soft/50 data-[state=checked]:hover:bg-accent-soft/50 data-[state=checked]:ring-1 data-[state=checked]:ring-accent"
          >
            <span className="mt-0.5 text-ink-3 group-data-[state=checked]:text-accent [&_svg]:size-4.5">
              {option.icon}
            </span>
            <span className="min-w-0">
              <span className="block font-medium text-sm">{option.title}</span>
              <span className="mt-0.5 block text-balance text-ink-3 text-xs">{option.text}</span>
            </span>
          </RadioGroup.Item>
        ))}
      </RadioGroup.Root>
      {other}
    </div>
  );
}
