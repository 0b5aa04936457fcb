// Every page of the console, over the real server: what holds for all of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type APIRequestContext, expect, type Page, test } from '@playwright/test';
import { seriousIssues } from './axe';
import { baseUrl } from './base';

/** The console's routes, from the generated route tree: a new page is looked at without a word here. */
const ROUTES = (() => {
  const tree = readFileSync(join(import.meta.dirname, '../src/routeTree.gen.ts'), 'utf8');
  const union = /\n {2}to:\n([\s\S]*?);\n/.exec(tree)?.[1] ?? '';
  return [...union.matchAll(/'([^']+)'/g)].map((match) => match[1] ?? '');
})();

/** Pages of people who are not signed in, with what they ask for in vain. */
const PUBLIC = ['/sign-in', '/setup', '/invite', '/form/$token', '/a/$code'];
/** Only lead elsewhere. */
const REDIRECTS = ['/', '/settings'];
const MODES = ['chat', 'completion', 'agent-chat', 'advanced-chat', 'workflow'] as const;

const LOOKS = [
  { theme: 'light', language: 'en-US' },
  { theme: 'dark', language: 'zh-Hans' },
  { theme: 'dark', language: 'en-US' },
  { theme: 'light', language: 'zh-Hans' },
] as const;

/** An app of each kind, and what stands for the parameters of addresses. */
const apps = new Map<string, string>();
let siteCode = '';
const PARAMS: Record<string, () => string> = {
  appId: () => apps.get('chat') ?? '',
  token: () => 'nothing',
  code: () => siteCode,
};

const send = async (request: APIRequestContext, method: 'post' | 'patch', path: string, data: object) => {
  const { csrf_token } = await (await request.get(`${baseUrl()}/api/session`)).json();
  const response = await request[method](`${baseUrl()}${path}`, { data, headers: { 'X-CSRF-Token': csrf_token } });
  expect(response.ok(), await response.text()).toBe(true);
  return response.json();
};

test.beforeAll(async ({ request }) => {
  for (const mode of MODES) {
    const app = await send(request, 'post', '/api/apps', { mode, name: `Quality ${mode}`, description: 'Looked at.' });
    apps.set(mode, app.id);
    if (mode === 'chat') siteCode = app.site_code;
  }
  await send(request, 'post', `/api/apps/${apps.get('chat')}/publish`, {});
  await send(request, 'post', `/api/apps/${apps.get('chat')}/keys`, { name: 'Quality' });
});

const plainLook = (request: APIRequestContext) =>
  send(request, 'patch', '/api/account', { theme: 'system', language: 'en-US' });
test.beforeEach(({ request }) => plainLook(request));
test.afterAll(({ request }) => plainLook(request));

const fill = (route: string) => route.replace(/\$(\w+)/g, (_, name: string) => PARAMS[name]?.() ?? `$${name}`);

/** The addresses of all pages behind the sign-in; an app's first page once for each kind of app. */
function pages(): string[] {
  const behind = ROUTES.filter((route) => !PUBLIC.includes(route) && !REDIRECTS.includes(route));
  return behind.flatMap((route) =>
    route === '/apps/$appId' ? MODES.map((mode) => `/apps/${apps.get(mode)}`) : [fill(route)],
  );
}

interface Seen {
  problems: string[];
}

/** Notes what goes wrong on a page: errors in the console, failed requests. */
function watch(page: Page, expected: RegExp | null = null): Seen {
  const seen: Seen = { problems: [] };
  page.on('pageerror', (error) => seen.problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    // The browser's own words for an answer that `response` below tells of.
    if (!message.text().startsWith('Failed to load resource')) seen.problems.push(message.text());
  });
  page.on('response', (response) => {
    const line = `${response.status()} ${response.request().method()} ${new URL(response.url()).pathname}`;
    if (response.status() >= 400 && !expected?.test(line)) seen.problems.push(line);
  });
  page.on('requestfailed', (request) => {
    // What is left behind when a page is left is given up on purpose.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') seen.problems.push(`failed: ${request.url()}`);
  });
  return seen;
}

async function settle(page: Page) {
  await expect(page.locator('h1').first()).toBeVisible();
  await expect(page.locator('[aria-hidden].animate-pulse.bg-hover')).toHaveCount(0);
  await page.waitForTimeout(250);
}

async function open(page: Page, path: string) {
  await page.goto(`${baseUrl()}${path}`);
  await settle(page);
}

async function looksRight(page: Page, path: string, seen: Seen) {
  const where = new URL(page.url()).pathname;
  expect.soft(await page.locator('h1').count(), `${path}: one h1`).toBe(1);
  expect.soft(await page.title(), `${path}: a title of its own`).toMatch(/\S/);
  expect.soft(await seriousIssues(page), `${path}: accessible`).toEqual([]);
  expect.soft(seen.problems.splice(0), `${path} (${where}): nothing goes wrong`).toEqual([]);
}

test('every route has values for its parameters here', () => {
  expect(ROUTES.length).toBeGreaterThan(10);
  expect(ROUTES.map(fill).filter((path) => path.includes('$'))).toEqual([]);
});

for (const { theme, language } of LOOKS) {
  test(`pages are accessible and without errors: ${theme}, ${language}`, async ({ page, request }) => {
    test.setTimeout(600_000);
    await send(request, 'patch', '/api/account', { theme, language });
    const seen = watch(page);
    for (const path of pages()) {
      await open(page, path);
      await expect(page.locator('html')).toHaveClass(theme === 'dark' ? /dark/ : /^(?!.*dark)/);
      await expect(page.locator('html')).toHaveAttribute('lang', language);
      await looksRight(page, path, seen);
    }
  });

  test(`pages before the sign-in: ${theme}, ${language}`, async ({ browser }) => {
    const context = await browser.newContext({ storageState: { cookies: [], origins: [] } });
    const page = await context.newPage();
    await page.addInitScript(
      ([t, l]) => {
        localStorage.setItem('ashlar.theme', t ?? '');
        localStorage.setItem('ashlar.language', l ?? '');
      },
      [theme, language] as const,
    );
    const seen = watch(page, /^401 GET \/api\/session$|^404 GET \/api\/(forms|invitations)\//);
    for (const path of PUBLIC.map(fill)) {
      await open(page, path);
      await looksRight(page, path, seen);
    }
    await open(page, '/nowhere');
    await looksRight(page, '/nowhere', seen);
    await context.close();
  });
}

test('nothing scrolls sideways on a tablet', async ({ page }) => {
  await page.setViewportSize({ width: 768, height: 1024 });
  for (const path of pages()) {
    await open(page, path);
    const wide = await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll('main')]
        .filter((element) => element.scrollWidth > element.clientWidth + 1)
        .map((element) => `${element.tagName} ${element.scrollWidth} > ${element.clientWidth}`),
    );
    expect.soft(wide, path).toEqual([]);
  }
});

/** Where the keyboard is, and whether one sees it: what changes in it and around it when it loses the focus. */
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement;
    if (!(element instanceof HTMLElement) || element === document.body) return null;
    const chain: HTMLElement[] = [];
    for (let at: HTMLElement | null = element; at && chain.length < 6; at = at.parentElement) chain.push(at);
    const look = () =>
      chain
        .map((one) => getComputedStyle(one))
        .map((s) => [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor, s.transform].join())
        .join('|');
    const before = look();
    element.blur();
    const visible = before !== look();
    element.focus({ preventScroll: true });
    const name = element.getAttribute('aria-label') ?? element.textContent?.trim().slice(0, 60) ?? '';
    return {
      // a page inside the page shows it by itself
      visible: visible || element instanceof HTMLIFrameElement,
      name: name || (element.id ? `#${element.id}` : ''),
      what: element.tagName.toLowerCase(),
      inMain: Boolean(element.closest('main')),
    };
  });

test('the keyboard reaches what a page is for, and one sees where it is', async ({ page }) => {
  test.setTimeout(600_000);
  for (const path of pages()) {
    await open(page, path);
    await page.addStyleTag({
      content: '*, ::before, ::after { transition: none !important; animation: none !important }',
    });
    await page.keyboard.press('Tab');
    expect.soft((await focused(page))?.name, `${path}: the first stop skips the navigation`).toBe('Skip to content');
    await page.keyboard.press('Enter');
    const unseen: string[] = [];
    let stops = 0;
    for (; stops < 40; stops += 1) {
      await page.keyboard.press('Tab');
      const at = await focused(page);
      if (!at?.inMain) break;
      if (!at.visible) unseen.push(`${at.what} “${at.name}”`);
    }
    expect.soft(stops, `${path}: something to do`).toBeGreaterThan(0);
    expect.soft(unseen, `${path}: focus is seen`).toEqual([]);
  }
});

/** Opens with the keyboard, closes with Escape; the focus goes in and comes back. */
async function opensAndCloses(page: Page, path: string, button: RegExp) {
  await open(page, path);
  const opener = page.locator('main').getByRole('button', { name: button }).first();
  await opener.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog').or(page.getByRole('menu')).first();
  await expect(dialog, `${path}: ${button}`).toBeVisible();
  const inside = () => dialog.evaluate((element) => element.contains(document.activeElement));
  await expect.poll(inside, { message: `${path}: ${button} takes the focus` }).toBe(true);
  expect.soft(await seriousIssues(page), `${path}: ${button} is accessible`).toEqual([]);
  for (let n = 0; n < 3; n += 1) await page.keyboard.press('Tab');
  expect.soft(await inside(), `${path}: ${button} keeps the focus`).toBe(true);
  // a tooltip that is still closing would take the key
  await expect(page.getByRole('tooltip')).toHaveCount(0);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(opener, `${path}: ${button} gets the focus back`).toBeFocused();
}

test('dialogs and menus open by keyboard, close by Escape and give the focus back', async ({ page }) => {
  const chat = `/apps/${apps.get('chat')}`;
  for (const [path, button] of [
    ['/apps', /^New app$/],
    [chat, /^Model:/],
    [chat, /^Parameters/],
    [chat, /^Add variable$/],
    [chat, /^Publish/],
    [chat, /^Versions$/],
    [`${chat}/api`, /^Create key$/],
    [`${chat}/api`, /^Revoke/],
    ['/settings/members', /^Invite$/],
  ] as const) {
    await opensAndCloses(page, path, button);
  }
});

test('the first page is there at once', async ({ page }) => {
  await page.goto(`${baseUrl()}/apps`);
  await settle(page);
  const figures = await page.evaluate(() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN;
    const scripts = performance
      .getEntriesByType('resource')
      .filter((entry): entry is PerformanceResourceTiming => entry.name.endsWith('.js'));
    const sum = (size: (entry: PerformanceResourceTiming) => number) =>
      scripts.reduce((total, entry) => total + size(entry), 0);
    return {
      paint,
      scripts: scripts.length,
      bytes: sum((entry) => entry.decodedBodySize),
      sent: sum((entry) => entry.encodedBodySize),
    };
  });
  console.log(
    `apps: first contentful paint after ${Math.round(figures.paint)} ms; ` +
      `${figures.scripts} scripts, ${Math.round(figures.bytes / 1024)} kB, ${Math.round(figures.sent / 1024)} kB as sent`,
  );
  expect(figures.sent).toBeLessThan(figures.bytes / 2);
  // One second is wanted; machines that run tests are busy.
  expect(figures.paint).toBeLessThan(4000);
});
