import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { labelled, linePaths, niceMax } from './scale';

export interface Series {
  name: string;
  values: (number | null)[];
  color: 'accent' | 'soft' | 'danger' | 'warn';
}

const FILLS = { accent: 'bg-accent', soft: 'bg-accent/50', danger: 'bg-danger', warn: 'bg-warn' } as const;
const STROKES = { accent: 'text-accent', soft: 'text-accent/50', danger: 'text-danger', warn: 'text-warn' } as const;

interface ChartProps {
  label: string;
  kind: 'bars' | 'lines';
  series: Series[];
  /** What stands under each place, short and in full. */
  places: { short: string; long: string }[];
  format: (value: number) => string;
}

/** Courses of stones, or lines, over time. The arrow keys walk through the places. */
export function Chart({ label, kind, series, places, format }: ChartProps) {
  const { t } = useTranslation();
  const [at, setAt] = useState<number | null>(null);
  const count = places.length;
  const known = series.flatMap((one) => one.values.filter((value) => value !== null));
  const totals = places.map((_, index) => series.reduce((sum, one) => sum + (one.values[index] ?? 0), 0));
  const max = niceMax(Math.max(0, ...(kind === 'bars' ? totals : known)));
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setAt(Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * count))));
  };
  const walk = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    setAt((now) => Math.min(count - 1, Math.max(0, (now ?? (step > 0 ? -1 : count)) + step)));
  };
  const place = at === null ? undefined : places[at];
  return (
    <div className="relative">
      <div className="grid grid-cols-[auto_1fr] gap-x-2">
        <div className="flex h-32 flex-col justify-between text-right text-2xs text-ink-3 tabular-nums" aria-hidden>
          <span className="-translate-y-1/2">{format(max)}</span>
          <span>{format(max / 2)}</span>
          <span className="translate-y-1/2">{format(0)}</span>
        </div>
        <div
          role="img"
          aria-label={`${label}. ${place ? `${place.long}: ${readout(series, at, format, t('monitoring.noData'))}` : ''}`}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: its places are walked through by keyboard
          tabIndex={0}
          className="relative h-32 rounded-sm outline-offset-4"
          onPointerMove={point}
          onPointerLeave={() => setAt(null)}
          onBlur={() => setAt(null)}
          onKeyDown={walk}
        >
          {[0, 50, 100].map((top) => (
            <span key={top} className="absolute inset-x-0 h-px bg-line" style={{ top: `${top}%` }} />
          ))}
          {at !== null && (
            <span
              className="absolute inset-y-0 rounded-sm bg-hover"
              style={{ left: `${(at / count) * 100}%`, width: `${100 / count}%` }}
            />
          )}
          {kind === 'bars' ? (
            <div className={cn('absolute inset-0 flex items-end', count <= 100 ? 'gap-px' : 'gap-0')}>
              {places.map((one, index) => (
                <span
                  key={one.long}
                  className={cn('flex h-full min-w-0 grow flex-col-reverse', count <= 100 ? 'gap-px' : 'gap-0')}
                >
                  {series.map((part) => {
                    const value = part.values[index] ?? 0;
                    return (
                      value > 0 && (
                        <span
                          key={part.name}
                          className={cn('min-h-0.5 w-full rounded-[1.5px]', FILLS[part.color])}
                          style={{ height: `${(value / max) * 100}%` }}
                        />
                      )
                    );
                  })}
                </span>
              ))}
            </div>
          ) : (
            <svg
              viewBox="0 0 100 100"
              preserveAspectRatio="none"
              className="absolute inset-0 size-full overflow-visible"
              aria-hidden
            >
              {series.map((one) =>
                linePaths(one.values, max).map((path) => (
                  <path
                    key={`${one.name}${path}`}
                    d={path}
                    fill="none"
                    stroke="currentColor"
                    strokeWidth={2}
                    strokeLinecap="round"
                    strokeLinejoin="round"
                    vectorEffect="non-scaling-stroke"
                    className={STROKES[one.color]}
                  />
                )),
              )}
            </svg>
          )}
          {place && at !== null && (
            <div
              className={cn(
                'pointer-events-none absolute -top-2 z-10 -translate-y-full rounded-md bg-ink px-2.5 py-1.5 text-canvas text-xs shadow-2',
                at > count / 2 ? '-translate-x-full' : '',
              )}
              style={{ left: `${((at + (at > count / 2 ? 1 : 0)) / count) * 100}%` }}
            >
              <p className="whitespace-nowrap opacity-75">{place.long}</p>
              {series.map((one) => (
                <p key={one.name} className="flex items-center gap-1.5 whitespace-nowrap tabular-nums">
                  <span className={cn('size-2 rounded-[2px]', FILLS[one.color])} aria-hidden />
                  {one.name}
                  <span className="ml-auto pl-3 font-medium">
                    {shown(one.values[at], format, t('monitoring.noData'))}
                  </span>
                </p>
              ))}
            </div>
          )}
        </div>
        <span />
        <div className="relative mt-1.5 h-4 text-2xs text-ink-3 tabular-nums" aria-hidden>
          {labelled(count, 4).map((index) => (
            <span
              key={index}
              className="absolute -translate-x-1/2 whitespace-nowrap"
              style={{ left: `${((index + 0.5) / count) * 100}%` }}
            >
              {places[index]?.short}
            </span>
          ))}
        </div>
      </div>
      {series.length > 1 && (
        <ul className="mt-2 flex flex-wrap gap-x-3.5 gap-y-1 text-2xs text-ink-2">
          {series.map((one) => (
            <li key={one.name} className="flex items-center gap-1.5">
              <span className={cn('size-2 rounded-[2px]', FILLS[one.color])} aria-hidden />
              {one.name}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

const shown = (value: number | null | undefined, format: (value: number) => string, none: string) =>
  value === null || value === undefined ? none : format(value);

function readout(series: Series[], at: number | null, format: (value: number) => string, none: string): string {
  return series.map((one) => `${one.name} ${shown(one.values[at ?? 0], format, none)}`).join(', ');
}
