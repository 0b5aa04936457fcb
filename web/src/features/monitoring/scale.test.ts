import { describe, expect, it } from 'vitest';
import { labelled, linePaths, niceMax } from './scale';

describe('charts', () => {
  it('end at a round number', () => {
    expect([0, 0.7, 1, 11, 149, 4321].map(niceMax)).toEqual([2, 0.8, 2, 20, 200, 6000]);
  });

  it('label as many marks as fit', () => {
    expect(labelled(7, 10)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(labelled(24, 6)).toEqual([0, 4, 8, 12, 16, 20]);
    expect(labelled(0, 6)).toEqual([]);
  });

  it('break a line where nothing is known', () => {
    expect(linePaths([1, 2, null, 4], 4)).toEqual(['M12.50 75.00L37.50 50.00', 'M87.50 0.00h0.01']);
  });
});
