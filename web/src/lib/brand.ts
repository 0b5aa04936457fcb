// An app's own colour on its page: the tokens of `app.css` that follow from it, each with enough contrast where it stands.

import { colord, extend } from 'colord';
import a11y from 'colord/plugins/a11y';
import mixing from 'colord/plugins/mix';

extend([a11y, mixing]);

/** `#rgb` or `#rrggbb` as `#rrggbb` in lower case; null when it is no such colour. */
export function parseColor(text: string | null | undefined): string | null {
  const hex = text?.trim() ?? '';
  return /^#([0-9a-f]{3}){1,2}$/i.test(hex) ? colord(hex).toHex() : null;
}

/** Black or white, whichever is read more easily on it; never below 4.5:1. */
export const readableOn = (hex: string) =>
  colord(hex).contrast('#ffffff') >= colord(hex).contrast('#000000') ? '#ffffff' : '#000000';

/** `share` of the one, the rest of the other. */
const mix = (one: string, other: string, share: number) => colord(other).mix(one, share, 'rgb').toHex();

/** The colour, or the nearest to it towards `end` that stands out from the ground enough. */
function until(hex: string, ground: string, wanted: number, end: string): string {
  for (let share = 1; share > 0; share -= 0.04) {
    const tried = mix(hex, end, share);
    if (colord(tried).contrast(ground) >= wanted) return tried;
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
