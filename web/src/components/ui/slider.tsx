import { Slider as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

export function Slider({ className, 'aria-label': label, ...props }: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root className={cn('relative flex h-5 w-full touch-none select-none items-center', className)} {...props}>
      <Radix.Track className="relative h-1 grow rounded-full bg-line-strong">
        <Radix.Range className="absolute h-full rounded-full bg-accent" />
      </Radix.Track>
      <Radix.Thumb
        aria-label={label}
        className="block size-4 rounded-full border border-line-strong bg-white shadow-2 data-[disabled]:opacity-50"
      />
    </Radix.Root>
  );
}
