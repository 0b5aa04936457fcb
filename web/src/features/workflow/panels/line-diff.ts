export interface Line {
  kind: 'same' | 'added' | 'removed';
  text: string;
}

/** Longest common subsequence up to this many pairs of lines; beyond, the one stands before the other. */
const MAX_PAIRS = 400_000;

/** Two texts line by line. */
export function lineDiff(before: string, after: string, kind: 'added' | 'removed' | 'changed'): Line[] {
  if (kind === 'added') return after.split('\n').map((text) => ({ kind: 'added', text }));
  if (kind === 'removed') return before.split('\n').map((text) => ({ kind: 'removed', text }));
  const a = before.split('\n');
  const b = after.split('\n');
  if (a.length * b.length > MAX_PAIRS) return [...lineDiff(before, '', 'removed'), ...lineDiff('', after, 'added')];
  const width = b.length + 1;
  const length = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number) => length[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      length[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: 'same', text: a[i] ?? '' });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: 'removed', text: a[i] ?? '' });
      i += 1;
    } else {
      lines.push({ kind: 'added', text: b[j] ?? '' });
      j += 1;
    }
  }
  return lines;
}
