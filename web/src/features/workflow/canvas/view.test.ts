import { expect, it } from 'vitest';
import { overhang } from './view';

it('moves only as far as a node hangs over', () => {
  expect(overhang(100, 340, 800)).toBe(0);
  expect(overhang(600, 840, 800)).toBe(68);
  expect(overhang(-50, 190, 800)).toBe(-78);
  // too long for the room: its beginning is seen
  expect(overhang(100, 1500, 800)).toBe(72);
});
