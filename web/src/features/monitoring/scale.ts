/** The least round number that is not below `value`, the top of an axis; its half is as round, and whole from one on. */
export function niceMax(value: number): number {
  if (value <= 0) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 6, 8, 10].find((n) => n * power >= value - 1e-12 && n * power !== 1) ?? 10;
  return step * power;
}

/** Which of `count` marks under an axis are written, so that at most `room` fit. */
export function labelled(count: number, room: number): number[] {
  const step = Math.max(1, Math.ceil(count / Math.max(1, room)));
  return Array.from({ length: Math.ceil(count / step) }, (_, index) => index * step);
}

/** Pieces of a line over `count` places: it breaks where nothing is known. */
export function linePaths(values: (number | null)[], max: number): string[] {
  const paths: string[] = [];
  let path = '';
  values.forEach((value, index) => {
    if (value === null) {
      if (path) paths.push(path);
      path = '';
      return;
    }
    const x = (((index + 0.5) / values.length) * 100).toFixed(2);
    const y = ((1 - value / max) * 100).toFixed(2);
    path += `${path ? 'L' : 'M'}${x} ${y}`;
  });
  if (path) paths.push(path);
  // a point alone is a short stroke
  return paths.map((one) => (one.includes('L') ? one : `${one}h0.01`));
}
