import { describe, expect, it } from 'vitest';
import { en } from './en';
import { zh } from './zh';

function leaves(tree: object, path = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]: [string, unknown]) =>
    typeof value === 'string' ? [[path + key, value] as [string, string]] : leaves(value as object, `${path}${key}.`),
  );
}
const holes = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]).sort();

describe('translations', () => {
  const english = new Map(leaves(en));
  const chinese = new Map(leaves(zh));

  it('has every key in both languages', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it('fills the same holes', () => {
    for (const [key, text] of english) expect(holes(chinese.get(key) ?? ''), key).toEqual(holes(text));
  });

  it('leaves nothing empty, and nothing in English by mistake', () => {
    const same = new Set(['auth.tagline']);
    for (const [key, text] of chinese) {
      expect(text.trim(), key).not.toBe('');
      if (/[a-z]{4,} [a-z]{3,} [a-z]/i.test(text)) same.add(key);
    }
    expect([...same]).toEqual(['auth.tagline']);
  });
});
