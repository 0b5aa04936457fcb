import { Popover as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

export const Popover = Radix.Root;
export const PopoverTrigger = Radix.Trigger;
export const PopoverAnchor = Radix.Anchor;

type PopoverContentProps = ComponentProps<typeof Radix.Content> & { 'aria-label': string };

export function PopoverContent({ className, ...props }: PopoverContentProps) {
  return (
    <Radix.Portal>
      <Radix.Content
        sideOffset={6}
        collisionPadding={12}
        className={cn(
          'z-50 max-h-[var(--radix-popover-content-available-height)] animate-in overflow-y-auto rounded-xl border border-line bg-raised shadow-3 outline-none',
          className,
        )}
        {...props}
      />
    </Radix.Portal>
  );
}
