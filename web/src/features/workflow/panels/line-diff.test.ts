import { expect, it } from 'vitest';
import { lineDiff } from './line-diff';

const told = (before: string, after: string) =>
  lineDiff(before, after, 'changed').map(({ kind, text }) => `${{ same: ' ', added: '+', removed: '-' }[kind]}${text}`);

it('finds what stayed', () => {
  expect(told('a\nb\nc', 'a\nx\nc')).toEqual([' a', '-b', '+x', ' c']);
  expect(told('a', 'a\nb')).toEqual([' a', '+b']);
  expect(told('', 'b')).toEqual(['-', '+b']);
  expect(lineDiff('a\nb', '', 'removed').map((line) => line.kind)).toEqual(['removed', 'removed']);
});
