import { describe, expect, it } from 'vitest';
import { statisticsRange } from './queries';

const NOW = new Date(2026, 5, 10, 9, 30);

describe('what is asked for a period', () => {
  it('is hours of a day and days of more, to the end of today', () => {
    const end = new Date(2026, 5, 11).toISOString();
    expect(statisticsRange({ period: 'today' }, NOW)).toEqual({
      from: new Date(2026, 5, 10).toISOString(),
      to: end,
      interval: 'hour',
    });
    expect(statisticsRange({ period: '30d' }, NOW)).toMatchObject({ to: end, interval: 'day' });
  });

  it('makes sense of days that were chosen the wrong way round', () => {
    const range = statisticsRange({ period: 'custom', from: '2026-06-09', to: '2026-06-01' }, NOW);
    expect(new Date(range.to).getTime() - new Date(range.from).getTime()).toBe(86_400_000);
  });
});
