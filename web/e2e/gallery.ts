import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type Page, test } from '@playwright/test';
import { getResponse } from 'msw';
import { EN_SESSION, handlersOf, makeWorld, type World } from '../src/test/fixtures';

const DIST = join(import.meta.dirname, '../dist');
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const ORIGIN = 'http://console.test';

/** The built console over made-up data, without any server. */
export async function open(
  page: Page,
  path: string,
  theme: 'light' | 'dark',
  language: 'en-US' | 'zh-Hans',
  patch: Partial<World> = {},
  newcomer = false,
) {
  const world = makeWorld({
    session: { ...EN_SESSION, account: { ...EN_SESSION.account, language, theme } },
    ...patch,
  });
  const handlers = handlersOf(world);
  await page.addInitScript(
    ([t, l, isNew]) => {
      localStorage.setItem('ashlar.theme', t);
      localStorage.setItem('ashlar.language', l);
      if (!isNew) localStorage.setItem('ashlar.tour', 'seen');
    },
    [theme, language, newcomer] as const,
  );
  await page.route(`${ORIGIN}/**`, async (route) => {
    const request = route.request();
    const url = new URL(request.url());
    if (url.pathname.startsWith('/api/')) {
      const body = request.postDataBuffer();
      const answer = await getResponse(
        handlers,
        new Request(request.url(), {
          method: request.method(),
          headers: request.headers(),
          ...(body ? { body: new Uint8Array(body) } : {}),
        }),
      );
      if (!answer) return route.fulfill({ status: 404 });
      return route.fulfill({
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        body: Buffer.from(await answer.arrayBuffer()),
      });
    }
    const file = url.pathname.includes('.') ? url.pathname : '/index.html';
    return route.fulfill({
      contentType: TYPES[extname(file)] ?? 'application/octet-stream',
      body: await readFile(join(DIST, file)),
    });
  });
  await page.goto(`${ORIGIN}${path}`);
  await page.waitForLoadState('networkidle');
  return world;
}

export interface Shot {
  name: string;
  path: string;
  world?: Partial<World>;
  act?: (page: Page) => Promise<void>;
  size?: { width: number; height: number };
  /** Somebody who has not seen the tour. */
  newcomer?: boolean;
}

export const button = (page: Page, name: RegExp) => page.getByRole('button', { name });

const only = process.env.SHOTS?.split(',');
const LOOKS = [
  ['light', 'en-US'],
  ['dark', 'zh-Hans'],
  ['dark', 'en-US'],
  ['light', 'zh-Hans'],
] as const;

/** A picture of each, in both themes and languages; SHOTS=name,name takes some of them. */
export function gallery(shots: Shot[]) {
  for (const [theme, language] of LOOKS) {
    for (const shot of shots) {
      if (only && !only.includes(shot.name)) continue;
      test(`${shot.name} ${theme} ${language}`, async ({ page }) => {
        await page.setViewportSize(shot.size ?? { width: 1440, height: 900 });
        await open(page, shot.path, theme, language, shot.world, shot.newcomer);
        await shot.act?.(page);
        await page.waitForTimeout(250);
        await page.screenshot({ path: `screenshots/gallery/${theme}-${language}/${shot.name}.png` });
      });
    }
  }
}
