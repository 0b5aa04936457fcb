import { z } from 'zod';

const PERIODS = ['today', '7d', '30d', '90d', 'all', 'custom'] as const;
export type PeriodName = (typeof PERIODS)[number];

const day = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}$/)
  .optional()
  .catch(undefined);

/** A span of time in a link: `from` and `to` are whole days, of `custom` alone. */
export const periodSearch = {
  period: z.enum(PERIODS).optional().catch(undefined),
  from: day,
  to: day,
};

export interface Period {
  period: PeriodName;
  from?: string | undefined;
  to?: string | undefined;
}

const DAYS = { today: 1, '7d': 7, '30d': 30, '90d': 90 } as const;

/** Midnight of the reader's day that lies `days` before. */
function midnight(of: Date, days = 0): Date {
  return new Date(of.getFullYear(), of.getMonth(), of.getDate() - days);
}

function parseDay(text: string | undefined): Date | null {
  const [year, month, date] = (text ?? '').split('-').map(Number);
  return year && month && date ? new Date(year, month - 1, date) : null;
}

/** From when (on) to when; what is open on a side is null there. */
export function rangeOf({ period, from, to }: Period, now = new Date()): { from: Date | null; to: Date | null } {
  if (period === 'all') return { from: null, to: null };
  if (period !== 'custom') return { from: midnight(now, DAYS[period] - 1), to: null };
  const last = parseDay(to);
  return { from: parseDay(from), to: last && midnight(last, -1) };
}

/** A day as date fields and links write it. */
export function dayText(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
