import { z } from 'zod';
import { type Period, periodSearch, rangeOf } from '@/lib/period';

export const SOURCES = ['service-api', 'web-app', 'mcp', 'debugger'] as const;
export const RUN_STATUSES = ['succeeded', 'partial-succeeded', 'failed', 'stopped', 'running', 'paused'] as const;

/** What the log shows, as its link says it. */
export const logSearch = z.object({
  ...periodSearch,
  q: z.string().optional().catch(undefined),
  user: z.string().optional().catch(undefined),
  source: z.enum(SOURCES).optional().catch(undefined),
  rating: z.enum(['like', 'dislike']).optional().catch(undefined),
  status: z.enum(RUN_STATUSES).optional().catch(undefined),
  annotated: z.boolean().optional().catch(undefined),
  failed: z.boolean().optional().catch(undefined),
  /** The conversation, message or run that is open. */
  open: z.string().optional().catch(undefined),
});

export type LogSearch = z.infer<typeof logSearch>;

export const LOG_PERIODS = ['today', '7d', '30d', '90d', 'all', 'custom'] as const;

export const periodOf = ({ period = '30d', from, to }: LogSearch): Period => ({ period, from, to });

export const isFiltered = ({ q, user, source, rating, status, annotated, failed, period }: LogSearch) =>
  Boolean(q || user || source || rating || status || annotated || failed || (period && period !== 'all'));

/** The query of conversations and messages. */
export function messageFilter(search: LogSearch) {
  const { from, to } = rangeOf(periodOf(search));
  return {
    ...(search.q ? { keyword: search.q } : {}),
    ...(search.user ? { user: search.user } : {}),
    ...(search.source ? { source: search.source } : {}),
    ...(search.rating ? { rating: search.rating } : {}),
    ...(search.annotated ? { annotated: true } : {}),
    ...(search.failed ? { failed: true } : {}),
    ...(from ? { created_after: from.toISOString() } : {}),
    ...(to ? { created_before: to.toISOString() } : {}),
  };
}

/** The query of runs. */
export function runFilter(search: LogSearch) {
  const { from, to } = rangeOf(periodOf(search));
  return {
    published: search.source !== 'debugger',
    ...(search.q ? { keyword: search.q } : {}),
    ...(search.source ? { source: search.source } : {}),
    ...(search.status ? { status: search.status } : {}),
    ...(from ? { created_after: from.toISOString() } : {}),
    ...(to ? { created_before: to.toISOString() } : {}),
  };
}
