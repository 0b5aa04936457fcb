import { Check } from 'lucide-react';
import { DropdownMenu as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

export const Menu = Radix.Root;
export const MenuTrigger = Radix.Trigger;

export function MenuContent({ className, ...props }: ComponentProps<typeof Radix.Content>) {
  return (
    <Radix.Portal>
      <Radix.Content
        sideOffset={5}
        align="end"
        className={cn('z-60 min-w-44 animate-in rounded-lg border border-line bg-raised p-1 shadow-3', className)}
        {...props}
      />
    </Radix.Portal>
  );
}

const item =
  'flex select-none items-center gap-2.5 rounded-md px-2.5 py-1.5 text-sm outline-none data-[highlighted]:bg-hover [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-ink-3';

export function MenuItem({ className, danger, ...props }: ComponentProps<typeof Radix.Item> & { danger?: boolean }) {
  return (
    <Radix.Item
      className={cn(item, danger && 'text-danger data-[highlighted]:bg-danger-soft [&_svg]:text-danger', className)}
      {...props}
    />
  );
}

export function MenuChoice({ children, checked, ...props }: ComponentProps<typeof Radix.CheckboxItem>) {
  return (
    <Radix.CheckboxItem className={cn(item, 'justify-between gap-6')} checked={checked ?? false} {...props}>
      <span className="truncate">{children}</span>
      <Check className={cn('text-accent!', !checked && 'invisible')} aria-hidden />
    </Radix.CheckboxItem>
  );
}

export function MenuLabel({ className, ...props }: ComponentProps<typeof Radix.Label>) {
  return <Radix.Label className={cn('px-2.5 pt-1.5 pb-1 text-ink-3 text-xs', className)} {...props} />;
}

export function MenuSeparator() {
  return <Radix.Separator className="-mx-1 my-1 h-px bg-line" />;
}
