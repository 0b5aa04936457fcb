import { Switch as Radix } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

export function Switch({ className, ...props }: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root
      className={cn(
        'inline-flex h-5 w-8.5 shrink-0 items-center rounded-full bg-line-strong p-0.5 transition-colors data-[state=checked]:bg-accent disabled:opacity-45',
        className,
      )}
      {...props}
    >
      <Radix.Thumb className="size-4 rounded-full bg-white shadow-1 transition-transform data-[state=checked]:translate-x-3.5 dark:data-[state=checked]:bg-accent-fg" />
    </Radix.Root>
  );
}
