import { describe, expect, it } from 'vitest';
import { parseCsv, toCsv } from './csv';

describe('CSV', () => {
  it('is read with quotes, line breaks in cells and any line ends', () => {
    expect(parseCsv('\uFEFFa,b\r\n"x ""y"", z","two\nlines"\n\n,\nlast,1')).toEqual([
      ['a', 'b'],
      ['x "y", z', 'two\nlines'],
      ['last', '1'],
    ]);
  });

  it('is read as spreadsheets of other countries write it', () => {
    expect(parseCsv('topic;mood\nrain, wind;calm')).toEqual([
      ['topic', 'mood'],
      ['rain, wind', 'calm'],
    ]);
  });

  it('is written so that it reads back, and formulas stay text', () => {
    expect(toCsv([['=1+1', 'a,"b"']])).toBe('\uFEFF\'=1+1,"a,""b"""\r\n');
    expect(parseCsv(toCsv([['plain', 'two\nlines']]))).toEqual([['plain', 'two\nlines']]);
  });
});
