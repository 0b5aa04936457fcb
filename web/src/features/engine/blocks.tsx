import { useId } from 'react';
import { cn } from '@/lib/cn';
import { ceiling } from './rates';

interface Series {
  values: number[];
  className: string;
}

/** Columns of blocks laid into empty beds, the newest at the right: how much there was each second. */
export function BlockChart({
  series,
  slots,
  label,
  unit,
  max: atLeast = 0,
}: {
  series: Series[];
  /** Columns, filled from the right. */
  slots: number;
  label: string;
  unit: string;
  max?: number;
}) {
  const bed = useId();
  const n = Math.max(0, ...series.map((one) => one.values.length));
  const sums = Array.from({ length: n }, (_, i) => series.reduce((sum, one) => sum + (one.values[i] ?? 0), 0));
  const max = Math.max(atLeast, ceiling(Math.max(0, ...sums)));
  const [rows, cell, gap] = [10, 7, 1.5];
  const [width, height] = [slots * (cell + gap), rows * (cell + gap)];
  return (
    <figure>
      <div className="relative">
        <svg
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="none"
          className="block h-28 w-full overflow-visible"
          role="img"
          aria-label={`${label}: ${Math.round(sums.at(-1) ?? 0)} ${unit}`}
        >
          <pattern id={bed} width={cell + gap} height={cell + gap} patternUnits="userSpaceOnUse">
            <rect y={gap} width={cell} height={cell} rx={0.8} className="fill-line/45" />
          </pattern>
          <rect width={width} height={height} fill={`url(#${bed})`} />
          {sums.map((_, column) => {
            const x = width - (n - column) * (cell + gap);
            let below = 0;
            return series.map((one, index) => {
              const from = (below / max) * rows;
              below += one.values[column] ?? 0;
              const to = (below / max) * rows;
              // whole blocks, and what is left of the last one as a lower block
              return Array.from({ length: Math.ceil(to) - Math.floor(from) }, (_, i) => {
                const block = Math.floor(from) + i;
                const [low, high] = [Math.max(from, block), Math.min(to, block + 1)];
                const share = high - low;
                if (share <= 0.04) return null;
                return (
                  <rect
                    key={`${column}-${index}-${block}`}
                    x={x}
                    y={height - (low + share) * (cell + gap) + gap * share}
                    width={cell}
                    height={Math.max(0.8, share * cell)}
                    rx={0.8}
                    className={one.className}
                  />
                );
              });
            });
          })}
        </svg>
        <span className="absolute top-0 right-0 -translate-y-full text-2xs text-ink-3 tabular-nums">
          {max >= 1000 ? `${max / 1000}k` : max}
        </span>
      </div>
    </figure>
  );
}

interface Part {
  share: number;
  className: string;
}

/** A wall of equal blocks; each part fills as many as its share of the whole. */
export function BlockWall({
  parts,
  columns = 32,
  rows = 8,
  label,
}: {
  parts: Part[];
  columns?: number;
  rows?: number;
  label: string;
}) {
  const total = columns * rows;
  let from = 0;
  const ends = parts.map((part) => {
    from += part.share;
    return Math.min(total, part.share > 0 ? Math.max(1, Math.round(from * total)) : Math.round(from * total));
  });
  return (
    <div
      role="img"
      aria-label={label}
      className={cn('grid gap-[3px]', rows > 1 && 'h-28 pt-0.5')}
      style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
    >
      {Array.from({ length: total }, (_, index) => {
        const part = parts[ends.findIndex((end) => index < end)];
        return (
          <span
            key={index}
            className={cn(
              'rounded-[2px] transition-colors duration-500',
              rows === 1 && 'aspect-[5/4]',
              part?.className ?? 'bg-line/70',
            )}
          />
        );
      })}
    </div>
  );
}

/** One course of blocks, filled from the left. */
export function BlockBar({ parts, label }: { parts: Part[]; label: string }) {
  return <BlockWall parts={parts} columns={40} rows={1} label={label} />;
}
