import { cn } from '@/lib/cn';

/** Where something is going to be. Neighbours light up one after the other, as stones are laid. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn('stone-bed rounded-md bg-hover', className)} />;
}
