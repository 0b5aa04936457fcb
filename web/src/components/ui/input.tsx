import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

const field =
  'w-full rounded-md border border-line-strong bg-surface px-3 text-sm text-ink shadow-1 transition-[border-color,box-shadow] placeholder:text-ink-3/80 hover:border-ink-3/60 focus-visible:border-accent focus-visible:outline-none focus-visible:ring-3 focus-visible:ring-accent/20 disabled:cursor-not-allowed disabled:opacity-55 aria-invalid:border-danger aria-invalid:ring-danger/15';

export function Input({ className, type = 'text', ...props }: ComponentProps<'input'>) {
  return <input type={type} className={cn(field, 'h-9 text-ellipsis', className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<'textarea'>) {
  return <textarea className={cn(field, 'min-h-20 resize-y py-2 leading-5.5', className)} {...props} />;
}
