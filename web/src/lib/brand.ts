// An app's own colour on its page: the tokens of `app.css` that follow from it, each with enough contrast where it stands.

type Rgb = readonly [number, number, number];

/** `#rgb` or `#rrggbb` as `#rrggbb` in lower case; null when it is no such colour. */
export function parseColor(text: string | null | undefined): string | null {
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text?.trim() ?? '')?.[1]?.toLowerCase();
  if (!digits) return null;
  return `#${digits.length === 3 ? digits.replace(/./g, '$&$&') : digits}`;
}

const rgbOf = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
const hexOf = (rgb: Rgb) => `#${rgb.map((c) => Math.round(c).toString(16).padStart(2, '0')).join('')}`;

/** Relative luminance, as WCAG defines it. */
function luminance(hex: string): number {
  const [r, g, b] = rgbOf(hex).map((c) => {
    const part = c / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

/** Black or white, whichever is read more easily on it; never below 4.5:1. */
export const readableOn = (hex: string) =>
  contrast(hex, '#ffffff') >= contrast(hex, '#000000') ? '#ffffff' : '#000000';

/** `share` of the one, the rest of the other. */
function mix(one: string, other: string, share: number): string {
  const [a, b] = [rgbOf(one), rgbOf(other)];
  return hexOf(a.map((c, i) => c * share + (b[i] ?? 0) * (1 - share)) as unknown as Rgb);
}

/** The colour, or the nearest to it towards `end` that stands out from the ground enough. */
function until(hex: string, ground: string, wanted: number, end: string): string {
  for (let share = 1; share > 0; share -= 0.04) {
    const tried = mix(hex, end, share);
    if (contrast(tried, ground) >= wanted) return tried;
  }
  return end;
}

/** Near the surfaces of `app.css`: the lightest in the light theme's, the lightest of the dark one's (the hardest for either). */
const GROUND = { light: '#f3f1ee', dark: '#2a2724' };

/** Custom properties for the whole page. */
export function brandTokens(color: string, isDark: boolean): Record<string, string> {
  const ground = isDark ? GROUND.dark : GROUND.light;
  const end = isDark ? '#ffffff' : '#000000';
  const accent = until(color, ground, 3, end);
  const fg = readableOn(accent);
  const soft = mix(color, ground, isDark ? 0.22 : 0.1);
  return {
    '--accent': accent,
    // away from the letters on it
    '--accent-hover': mix(accent, fg === '#ffffff' ? '#000000' : '#ffffff', 0.88),
    '--accent-fg': fg,
    '--accent-soft': soft,
    '--accent-line': mix(color, ground, 0.42),
    '--accent-ink': until(until(color, soft, 4.6, end), ground, 4.6, end),
    '--bubble': color,
    '--bubble-fg': readableOn(color),
  };
}

/** Custom properties for what lies on the colour itself. */
export function headTokens(color: string): Record<string, string> {
  const fg = readableOn(color);
  const away = fg === '#ffffff' ? '#000000' : '#ffffff';
  return {
    '--surface': color,
    '--sunken': mix(color, away, 0.9),
    '--raised': mix(color, away, 0.8),
    '--hover': `color-mix(in srgb, ${fg} 14%, transparent)`,
    '--line': mix(color, fg, 0.8),
    '--ink': fg,
    '--ink-2': fg,
    '--ink-3': fg,
    '--accent': fg,
    '--accent-ink': fg,
  };
}
