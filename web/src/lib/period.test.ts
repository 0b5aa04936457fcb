import { describe, expect, it } from 'vitest';
import { dayText, rangeOf } from './period';

const NOW = new Date(2026, 2, 1, 15, 30);

describe('periods', () => {
  it('begin at midnight of the reader and hold today', () => {
    expect(rangeOf({ period: 'today' }, NOW)).toEqual({ from: new Date(2026, 2, 1), to: null });
    expect(rangeOf({ period: '7d' }, NOW)).toEqual({ from: new Date(2026, 1, 23), to: null });
    expect(rangeOf({ period: 'all' }, NOW)).toEqual({ from: null, to: null });
  });

  it('hold the last chosen day to its end', () => {
    const range = rangeOf({ period: 'custom', from: '2026-01-31', to: '2026-02-28' }, NOW);
    expect(range).toEqual({ from: new Date(2026, 0, 31), to: new Date(2026, 2, 1) });
    expect(rangeOf({ period: 'custom' }, NOW)).toEqual({ from: null, to: null });
  });

  it('are written as days', () => {
    expect(dayText(new Date(2026, 8, 3, 23, 59))).toBe('2026-09-03');
  });
});
