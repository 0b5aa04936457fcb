import { colord } from 'colord';
import { expect, it } from 'vitest';
import { brandTokens, headTokens, parseColor, readableOn } from './brand';

it('takes colours in hexadecimal only', () => {
  expect(parseColor(' #ABC ')).toBe('#aabbcc');
  expect(parseColor('#1C64F2')).toBe('#1c64f2');
  for (const bad of ['', null, undefined, 'red', '#12', '#12345', '#1234567', 'url(x)'])
    expect(parseColor(bad)).toBeNull();
});

it('writes in black or white', () => {
  expect(readableOn('#ffe000')).toBe('#000000');
  expect(readableOn('#0d7a6f')).toBe('#ffffff');
});

const contrast = (one: string, other: string) => colord(one).contrast(other);

const COLORS = ['#000000', '#ffffff', '#ffe000', '#1c64f2', '#0d7a6f', '#7f7f7f', '#767676', '#ff0000', '#101828'];

it('is read on every colour, in both themes', () => {
  for (const color of COLORS) {
    expect(contrast(headTokens(color)['--ink'] ?? '', color), color).toBeGreaterThanOrEqual(4.5);
    for (const isDark of [false, true]) {
      const of = (name: string) => brandTokens(color, isDark)[`--${name}`] ?? '';
      const ground = isDark ? '#2a2724' : '#f3f1ee';
      const about = `${color} ${isDark ? 'dark' : 'light'}`;
      expect(contrast(of('accent'), ground), about).toBeGreaterThanOrEqual(3);
      expect(contrast(of('accent-fg'), of('accent')), about).toBeGreaterThanOrEqual(4.5);
      expect(contrast(of('accent-fg'), of('accent-hover')), about).toBeGreaterThanOrEqual(4.5);
      expect(contrast(of('accent-ink'), ground), about).toBeGreaterThanOrEqual(4.5);
      expect(contrast(of('accent-ink'), of('accent-soft')), about).toBeGreaterThanOrEqual(4.5);
      expect(contrast(of('bubble-fg'), of('bubble')), about).toBeGreaterThanOrEqual(4.5);
    }
  }
});

it('keeps a colour that stands out', () => {
  expect(brandTokens('#1c64f2', false)['--accent']).toBe('#1c64f2');
});
