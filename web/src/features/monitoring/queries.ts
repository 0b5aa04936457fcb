import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import { type Period, rangeOf } from '@/lib/period';

export type Statistics = components['schemas']['Statistics'];
export type Bucket = Statistics['data'][number];
export type Figures = Statistics['total'];

export const MONITORING_PERIODS = ['today', '7d', '30d', '90d', 'custom'] as const;
const DAY_MS = 86_400_000;

/** What is asked for a period: whole hours of up to two days, days of more. */
export function statisticsRange(period: Period, now = new Date()) {
  const { from, to } = rangeOf(period, now);
  const end = to ?? new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
  const wanted = from ?? new Date(end.getTime() - 7 * DAY_MS);
  // an end before its beginning is a day
  const start = wanted < end ? wanted : new Date(end.getTime() - DAY_MS);
  const interval = end.getTime() - start.getTime() <= 2.5 * DAY_MS ? ('hour' as const) : ('day' as const);
  return { from: start.toISOString(), to: end.toISOString(), interval };
}

export const timeZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

export const statisticsQuery = (appId: string, period: Period) => {
  const query = { ...statisticsRange(period), time_zone: timeZone() };
  return queryOptions({
    queryKey: ['statistics', appId, query],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/apps/{app_id}/statistics', { params: { path: { app_id: appId }, query }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
};
