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

// Rows of a wall as block widths; the joints never line up.
const COURSES = [
  [96, 152, 112, 176, 88, 136],
  [44, 144, 168, 104, 160, 140],
  [120, 96, 184, 128, 112, 120],
  [64, 176, 104, 144, 152, 120],
  [136, 120, 152, 88, 168, 96],
  [24, 160, 128, 176, 112, 160],
  [108, 136, 96, 168, 144, 108],
  [56, 112, 176, 120, 136, 160],
];

/** A wall as a quiet backdrop; one stone is the accent. */
export function Wall({ className }: { className?: string }) {
  const height = 64;
  return (
    <svg viewBox="0 0 640 512" preserveAspectRatio="xMidYMax slice" className={className} aria-hidden="true">
      {COURSES.map((course, row) => {
        let x = 0;
        return course.map((width, column) => {
          const left = x;
          x += width;
          const accent = row === 5 && column === 2;
          return (
            <rect
              key={`${row}-${column}`}
              x={left + 2}
              y={row * height + 2}
              width={width - 4}
              height={height - 4}
              rx={5}
              className={accent ? 'fill-[oklch(0.72_0.1_180)]' : 'fill-white'}
              opacity={accent ? 0.9 : 0.025 + ((row * 7 + column * 5) % 6) * 0.009}
            />
          );
        });
      })}
    </svg>
  );
}
