import { cva, type VariantProps } from 'class-variance-authority';
import { LoaderCircle } from 'lucide-react';
import { Slot } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

const buttonVariants = cva(
  'inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-[background,color,border-color,box-shadow] duration-100 disabled:pointer-events-none disabled:opacity-45 [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'bg-accent text-accent-fg shadow-1 hover:bg-accent-hover',
        secondary: 'border border-line-strong bg-surface text-ink shadow-1 hover:bg-sunken',
        ghost: 'text-ink-2 hover:bg-hover hover:text-ink',
        soft: 'bg-accent-soft text-accent-ink hover:brightness-[0.98] dark:hover:brightness-110',
        danger: 'bg-danger text-white shadow-1 hover:bg-danger-hover dark:text-sunken',
        'danger-ghost': 'text-danger hover:bg-danger-soft',
      },
      size: {
        md: 'h-9 px-3.5 text-sm',
        sm: 'h-8 px-2.5 text-sm',
        xs: 'h-6.5 gap-1 rounded px-2 text-xs [&_svg]:size-3.5',
        lg: 'h-10.5 px-5 text-base',
        icon: 'size-8',
        'icon-xs': 'size-6.5 rounded [&_svg]:size-3.5',
      },
    },
    defaultVariants: { variant: 'secondary', size: 'sm' },
  },
);

interface ButtonProps extends ComponentProps<'button'>, VariantProps<typeof buttonVariants> {
  asChild?: boolean;
  busy?: boolean;
}

export function Button({ className, variant, size, asChild, busy, disabled, children, type, ...props }: ButtonProps) {
  if (asChild) {
    return (
      <Slot.Root className={cn(buttonVariants({ variant, size }), className)} {...props}>
        {children}
      </Slot.Root>
    );
  }
  return (
    <button
      type={type ?? 'button'}
      className={cn(buttonVariants({ variant, size }), className)}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      {...props}
    >
      {busy && <LoaderCircle className="animate-spin" aria-hidden />}
      {children}
    </button>
  );
}
