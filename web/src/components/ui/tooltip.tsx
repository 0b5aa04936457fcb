import { Tooltip as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

export const TooltipProvider = Radix.Provider;

export function Tooltip({
  text,
  side = 'top',
  children,
}: {
  text: ReactNode;
  side?: 'top' | 'right' | 'bottom';
  children: ReactNode;
}) {
  return (
    <Radix.Root>
      {/* Focus that comes from nowhere was given back by a dialog that closed: Escape is then for what lies below. */}
      <Radix.Trigger
        asChild
        onFocus={(event) => (event.relatedTarget ?? document.body) === document.body && event.preventDefault()}
      >
        {children}
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="z-70 max-w-64 animate-fade rounded-md bg-ink px-2 py-1 text-canvas text-xs shadow-2"
        >
          {text}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
