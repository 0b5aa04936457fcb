import { Check } from 'lucide-react';
import { Checkbox as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

export function Checkbox({ className, ...props }: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root
      className={cn(
        'flex size-4 shrink-0 items-center justify-center rounded-sm border border-line-strong bg-surface shadow-1 data-[state=checked]:border-accent data-[state=checked]:bg-accent disabled:opacity-45',
        className,
      )}
      {...props}
    >
      <Radix.Indicator className="text-accent-fg">
        <Check className="size-3" strokeWidth={3.5} />
      </Radix.Indicator>
    </Radix.Root>
  );
}
