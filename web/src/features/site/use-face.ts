import { useEffect, useLayoutEffect } from 'react';
import { brandTokens, parseColor } from '@/lib/brand';
import { suggestLanguage } from '@/lib/i18n';
import { suggestTheme, useIsDark } from '@/lib/theme';
import type { OpenedSite } from './api';

const escaped = (text: string) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** The app's icon as the browser's tab shows it. */
function iconOf({ icon, icon_type, icon_background, name }: OpenedSite['app']): string {
  if (icon_type !== 'emoji' && /^(https?:|data:image\/|\/)/.test(icon)) return icon;
  const letter = icon_type === 'emoji' ? icon || '🤖' : name.slice(0, 1).toUpperCase();
  const ground = escaped(icon_background || '#ebe7e0');
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="${ground}"/><text x="16" y="22.5" font-size="19" font-family="sans-serif" text-anchor="middle">${escaped(letter)}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/** Title, icon, language, theme and colour of the page, as its makers want them. */
export function useFace(site: OpenedSite | undefined) {
  const isDark = useIsDark();
  useEffect(() => {
    if (!site) return;
    document.title = site.site.title;
    document.querySelector('link[rel="icon"]')?.setAttribute('href', iconOf(site.app));
    suggestLanguage(site.site.default_language ?? '');
    suggestTheme(site.site.default_theme ?? 'system');
  }, [site]);
  const color = parseColor(site?.site.chat_color_theme);
  useLayoutEffect(() => {
    if (!color) return;
    const { style } = document.documentElement;
    const tokens = Object.entries(brandTokens(color, isDark));
    for (const [name, value] of tokens) style.setProperty(name, value);
    return () => {
      for (const [name] of tokens) style.removeProperty(name);
    };
  }, [color, isDark]);
}
