import { Bot, Boxes, CircleAlert, ClipboardCheck, Wrench } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Tooltip } from '@/components/ui/tooltip';
import { cn } from '@/lib/cn';
import { type Bar, endOf, PARTS, type Part, seconds, ticks } from './trace';

const COLORS: Record<Part, string> = {
  prepare: 'bg-line-strong',
  queue: 'bg-warn',
  prefill: 'bg-accent-line',
  decode: 'bg-accent',
  work: 'bg-ink-3',
};

const ICONS = { prepare: ClipboardCheck, model: Bot, tool: Wrench, node: Boxes };

interface WaterfallProps {
  bars: Bar[];
  /** What a row opens, if it opens anything. */
  detail?: (bar: Bar) => ReactNode;
  open?: string | null;
  onOpen?: (key: string | null) => void;
}

/** Rows of time, one under the other: what was done, when, and which part of it took how long. */
export function Waterfall({ bars, detail, open, onOpen }: WaterfallProps) {
  const { t } = useTranslation();
  const end = endOf(bars);
  const marks = ticks(end);
  const used = PARTS.filter((part) => bars.some((bar) => bar.parts.some((piece) => piece.part === part)));
  return (
    <figure className="@container min-w-0 rounded-lg border bg-sunken/60 p-3">
      <figcaption className="mb-2 flex flex-wrap gap-x-3.5 gap-y-1 text-2xs text-ink-2">
        {used.map((part) => (
          <span key={part} className="inline-flex items-center gap-1.5">
            <span className={cn('size-2 rounded-[2px]', COLORS[part])} aria-hidden />
            {t(`logs.span_${part}`)}
          </span>
        ))}
      </figcaption>
      <div className="mb-1 hidden grid-cols-[11rem_1fr_4rem] gap-2 @md:grid" aria-hidden>
        <span />
        <span className="relative h-4 text-2xs text-ink-3 tabular-nums">
          {marks.map((mark) => (
            <span
              key={mark}
              className={cn('absolute', mark > 0 && '-translate-x-1/2')}
              style={{ left: `${(mark / end) * 100}%` }}
            >
              {mark === 0 ? '0' : seconds(mark)}
            </span>
          ))}
        </span>
      </div>
      <ol className="space-y-1">
        {bars.map((bar) => (
          <li key={bar.key}>
            <Row
              bar={bar}
              end={end}
              marks={marks}
              isOpen={open === bar.key}
              {...(detail && onOpen ? { onToggle: () => onOpen(open === bar.key ? null : bar.key) } : {})}
            />
            {open === bar.key && detail?.(bar)}
          </li>
        ))}
      </ol>
    </figure>
  );
}

interface RowProps {
  bar: Bar;
  end: number;
  marks: number[];
  isOpen: boolean;
  onToggle?: () => void;
}

function Row({ bar, end, marks, isOpen, onToggle }: RowProps) {
  const { t } = useTranslation();
  const Icon = bar.error ? CircleAlert : ICONS[bar.kind];
  const name = bar.name || t('logs.prepareRow');
  const parts = bar.parts.map((piece) => `${t(`logs.span_${piece.part}`)} ${seconds(piece.seconds)}`).join(' · ');
  const content = (
    <>
      <span
        className={cn('flex min-w-0 items-center gap-1.5 text-xs', bar.error && 'text-danger')}
        style={{ paddingLeft: `${bar.depth * 0.75}rem` }}
      >
        <Icon className="size-3.5 shrink-0 text-ink-3 in-[.text-danger]:text-danger" aria-hidden />
        <span className="truncate">{name}</span>
      </span>
      <span className="relative h-5 overflow-hidden rounded-[3px] bg-surface">
        {marks.slice(1).map((mark) => (
          <span
            key={mark}
            className="absolute inset-y-0 w-px bg-line"
            style={{ left: `${(mark / end) * 100}%` }}
            aria-hidden
          />
        ))}
        <Tooltip text={parts}>
          <span
            className="absolute inset-y-0.5 flex min-w-0.5 gap-px overflow-hidden rounded-[2px]"
            style={{ left: `${(bar.start / end) * 100}%`, width: `${Math.max((bar.duration / end) * 100, 0.4)}%` }}
          >
            {bar.parts.map((piece, index) => (
              <span
                key={index}
                className={cn('h-full min-w-px', bar.error ? 'bg-danger' : COLORS[piece.part])}
                // In microseconds: factors that add up to less than one would not fill the bar.
                style={{ flexGrow: piece.seconds * 1e6 }}
              />
            ))}
          </span>
        </Tooltip>
      </span>
      <span className="text-right text-2xs text-ink-2 tabular-nums">
        <span className="sr-only">{parts}. </span>
        {seconds(bar.duration)}
      </span>
    </>
  );
  const grid = 'grid w-full grid-cols-[7rem_1fr_3.5rem] items-center gap-2 text-left @md:grid-cols-[11rem_1fr_4rem]';
  return (
    <>
      {onToggle ? (
        <button type="button" aria-expanded={isOpen} onClick={onToggle} className={cn(grid, 'rounded hover:bg-hover')}>
          {content}
        </button>
      ) : (
        <div className={grid}>{content}</div>
      )}
      {bar.call && (
        <p className="pt-0.5 pb-1 pl-[7.5rem] text-2xs text-ink-3 tabular-nums @md:pl-[11.5rem]">
          {[
            `${t('logs.promptTokens')} ${bar.call.prompt}`,
            bar.call.cached > 0 ? `${t('logs.cachedTokens')} ${bar.call.cached}` : null,
            bar.call.image > 0 ? `${t('logs.imageTokens')} ${bar.call.image}` : null,
            `${t('logs.completionTokens')} ${bar.call.completion}`,
            bar.call.perSecond === null
              ? null
              : t('logs.perSecondValue', {
                  rate: bar.call.perSecond >= 10 ? Math.round(bar.call.perSecond) : bar.call.perSecond.toFixed(1),
                }),
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
      )}
      {bar.error && <p className="pl-[7.5rem] text-danger text-xs @md:pl-[11.5rem]">{bar.error}</p>}
    </>
  );
}
