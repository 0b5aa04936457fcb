import { cn } from '@/lib/cn';
import { lookOf } from './looks';

/** The sign of a kind, in its family's colour. */
export function KindIcon({ type, className }: { type: string; className?: string }) {
  const { icon: Icon, family } = lookOf(type);
  return <Icon data-family={family} className={cn('text-(--fam)', className)} aria-hidden />;
}

/** The same, cut into a stone. */
export function KindStone({ type, className }: { type: string; className?: string }) {
  const { icon: Icon, family } = lookOf(type);
  return (
    <span
      data-family={family}
      aria-hidden
      className={cn(
        'stone inline-flex size-7 shrink-0 items-center justify-center rounded-[5px] [&_svg]:size-4',
        className,
      )}
    >
      <Icon />
    </span>
  );
}
