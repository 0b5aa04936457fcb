import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { type Page, test } from '@playwright/test';
import { getResponse } from 'msw';
import { EN_SESSION, handlersOf, makeWorld, type World } from '../src/test/fixtures';
import { ENDED, EXPIRED, SENT, TAKEN } from '../src/test/form-fixtures';

const DIST = join(import.meta.dirname, '../dist');
const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const ORIGIN = 'http://console.test';

/** The built console over made-up data, without any server. */
async function open(
  page: Page,
  path: string,
  theme: 'light' | 'dark',
  language: 'en-US' | 'zh-Hans',
  patch: Partial<World> = {},
) {
  const world = makeWorld({
    session: { ...EN_SESSION, account: { ...EN_SESSION.account, language, theme } },
    ...patch,
  });
  const handlers = handlersOf(world);
  await page.addInitScript(
    ([t, l]) => {
      localStorage.setItem('ashlar.theme', t ?? '');
      localStorage.setItem('ashlar.language', l ?? '');
    },
    [theme, language] as const,
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

interface Shot {
  name: string;
  path: string;
  world?: Partial<World>;
  act?: (page: Page) => Promise<void>;
  size?: { width: number; height: number };
}

const button = (page: Page, name: RegExp) => page.getByRole('button', { name });

async function ask(page: Page) {
  await page
    .getByTestId('picture-input')
    .setInputFiles(join(import.meta.dirname, '../../docs/pictures/red-circle.png'));
  await page.locator('textarea').last().fill('What do you see? 你看到了什么？');
  await page.keyboard.press('Enter');
  await page.locator('.prose-answer table').waitFor();
  await page.waitForTimeout(400);
}

const PHONE = { width: 390, height: 844 };

/** Files chosen, taken in and refused, and a try to send it with fields left open. */
async function fillForm(page: Page) {
  const pictures = page.getByTestId('file-pictures of the damage');
  await pictures.setInputFiles([
    {
      name: 'a very long name of a picture that was taken with a telephone 2026-07-31 14.02.11.jpg',
      mimeType: 'image/jpeg',
      buffer: Buffer.alloc(2_400_000),
    },
    { name: 'lamp.heic', mimeType: 'image/heic', buffer: Buffer.from('x') },
  ]);
  await page.getByRole('textbox', { name: /^(Web address|文件网址)/ }).fill('https://example.com/damage/shade.png');
  await page.getByRole('button', { name: /^(Add|添加)$/ }).click();
  await page.getByRole('button', { name: 'Approve and send' }).click();
}

const SHOTS: Shot[] = [
  { name: 'setup', path: '/setup', world: { setupNeeded: true, session: null } },
  { name: 'sign-in', path: '/sign-in', world: { session: null } },
  { name: 'invite', path: '/invite?token=good', world: { session: null } },
  { name: 'apps', path: '/apps' },
  { name: 'apps-empty', path: '/apps', world: { apps: [] } },
  { name: 'apps-create', path: '/apps', act: (page) => button(page, /^(New app|新建应用)$/).click() },
  { name: 'chat', path: '/apps/museum' },
  { name: 'chat-answer', path: '/apps/museum', act: ask },
  { name: 'chat-model', path: '/apps/museum', act: (page) => button(page, /^(Model|模型)[:：]/).click() },
  { name: 'chat-parameters', path: '/apps/museum', act: (page) => button(page, /^(Parameters|参数)$/).click() },
  { name: 'chat-variable', path: '/apps/museum', act: (page) => button(page, /^(Add variable|添加变量)$/).click() },
  {
    name: 'chat-complete',
    path: '/apps/museum',
    act: async (page) => {
      await page.locator('textarea').first().click();
      await page.keyboard.press('Control+End');
      await page.keyboard.type(' Use {{undefined_one}} and {{mu', { delay: 5 });
      await page.waitForTimeout(300);
    },
  },
  { name: 'chat-publish', path: '/apps/museum', act: (page) => button(page, /^(Publish changes|发布更改)$/).click() },
  { name: 'chat-versions', path: '/apps/museum', act: (page) => button(page, /^(Versions|版本历史)$/).click() },
  { name: 'completion', path: '/apps/haiku' },
  { name: 'other-mode', path: '/apps/pipeline' },
  { name: 'api', path: '/apps/museum/api' },
  {
    name: 'api-picture',
    path: '/apps/museum/api?task=picture&lang=python',
    act: (page) => page.locator('pre').scrollIntoViewIfNeeded(),
  },
  { name: 'models', path: '/settings/models' },
  { name: 'providers', path: '/settings/providers' },
  { name: 'provider-edit', path: '/settings/providers', act: (page) => button(page, /^(Edit|编辑): vllm$/).click() },
  { name: 'members', path: '/settings/members' },
  { name: 'account', path: '/settings/account' },
  { name: 'form', path: '/form/a', world: { session: null }, size: { width: 1100, height: 1240 } },
  {
    name: 'form-filled',
    path: '/form/a',
    world: { session: null },
    act: fillForm,
    size: { width: 1100, height: 1400 },
  },
  { name: 'form-sent', path: '/form/a', world: { session: null, form: SENT }, size: { width: 1100, height: 1000 } },
  { name: 'form-taken', path: '/form/a', world: { session: null, form: TAKEN }, size: { width: 1100, height: 640 } },
  {
    name: 'form-expired',
    path: '/form/a',
    world: { session: null, form: EXPIRED },
    size: { width: 1100, height: 640 },
  },
  { name: 'form-ended', path: '/form/a', world: { session: null, form: ENDED }, size: { width: 1100, height: 640 } },
  { name: 'form-missing', path: '/form/a', world: { session: null, form: null }, size: { width: 1100, height: 640 } },
  { name: 'phone-form', path: '/form/a', world: { session: null }, size: PHONE },
  {
    name: 'phone-form-filled',
    path: '/form/a',
    world: { session: null },
    act: fillForm,
    size: { ...PHONE, height: 1700 },
  },
  { name: 'phone-form-sent', path: '/form/a', world: { session: null, form: SENT }, size: PHONE },
  { name: 'missing', path: '/apps/nothing' },
  { name: 'tablet-apps', path: '/apps', size: { width: 820, height: 1100 } },
  { name: 'tablet-chat', path: '/apps/museum', size: { width: 820, height: 1100 } },
];

const only = process.env.SHOTS?.split(',');
const LOOKS = [
  ['light', 'en-US'],
  ['dark', 'zh-Hans'],
  ['dark', 'en-US'],
  ['light', 'zh-Hans'],
] as const;

for (const [theme, language] of LOOKS) {
  for (const shot of SHOTS) {
    if (only && !only.includes(shot.name)) continue;
    test(`${shot.name} ${theme} ${language}`, async ({ page }) => {
      await page.setViewportSize(shot.size ?? { width: 1440, height: 900 });
      await open(page, shot.path, theme, language, shot.world);
      await shot.act?.(page);
      await page.waitForTimeout(250);
      await page.screenshot({ path: `screenshots/gallery/${theme}-${language}/${shot.name}.png` });
    });
  }
}
