import { cn } from '@/lib/cn';

/** Two courses of dressed stone, joints staggered. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={cn('size-6 text-accent', className)} aria-hidden="true">
      <path
        fill="currentColor"
        d="M5 6.5A1.5 1.5 0 0 1 6.5 5H19v9.6H5zM21.2 5h4.3A1.5 1.5 0 0 1 27 6.5v8.1h-5.8zM5 17.4h5.8V27H6.5A1.5 1.5 0 0 1 5 25.5zM13 17.4h14v8.1a1.5 1.5 0 0 1-1.5 1.5H13z"
      />
    </svg>
  );
}

export function Wordmark({ className }: { className?: string }) {
  return (
    <span className={cn('inline-flex items-center gap-2 font-semibold text-[1.0625rem] tracking-tight', className)}>
      <Mark />
      Ashlar
    </span>
  );
}

// Rows of a wall as block widths; the joints never line up, and the upper rows are not finished.
const COURSES = [
  { from: 420, widths: [160, 140] },
  { from: 232, widths: [112, 176, 200] },
  { from: 0, widths: [120, 96, 184, 128, 112, 80] },
  { from: 0, widths: [64, 176, 104, 144, 152, 80] },
  { from: 0, widths: [136, 120, 152, 88, 144, 80] },
];

/** A wall being built, as a quiet backdrop in the colour of the text around it; the stone laid last is the accent. */
export function Wall({ className }: { className?: string }) {
  const height = 64;
  return (
    <svg viewBox="0 0 720 320" preserveAspectRatio="xMaxYMax slice" className={className} aria-hidden="true">
      {COURSES.map(({ from, widths }, row) => {
        let x = from;
        return widths.map((width, column) => {
          const left = x;
          x += width;
          const last = row === 0 && column === 0;
          return (
            <rect
              key={`${row}-${column}`}
              x={left + 2}
              y={row * height + 2}
              width={width - 4}
              height={height - 4}
              rx={5}
              className={last ? 'fill-[oklch(0.72_0.1_180)]' : 'fill-current'}
              opacity={last ? 0.92 : 0.045 + ((row * 7 + column * 5) % 6) * 0.012}
            />
          );
        });
      })}
    </svg>
  );
}
