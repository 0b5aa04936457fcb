import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { ENDED, EXPIRED, SENT, TAKEN } from '../src/test/form-fixtures';
import { button, gallery, type Shot } from './gallery';

async function ask(page: Page) {
  await page.getByTestId('file-input').setInputFiles(join(import.meta.dirname, '../../docs/pictures/red-circle.png'));
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
  { name: 'apps-empty', path: '/apps', world: { apps: [] }, newcomer: true },
  { name: 'apps-create', path: '/apps', act: (page) => button(page, /^(New app|新建应用)$/).click() },
  { name: 'chat', path: '/apps/museum' },
  { name: 'chat-answer', path: '/apps/museum', act: ask },
  { name: 'chat-model', path: '/apps/museum', act: (page) => button(page, /^(Model|模型)[:：]/).click() },
  { name: 'chat-parameters', path: '/apps/museum', act: (page) => button(page, /^(Parameters|参数)/).click() },
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
  { name: 'chat-publish', path: '/apps/museum', act: (page) => button(page, /^(Publish|发布)$/).click() },
  { name: 'chat-versions', path: '/apps/museum', act: (page) => button(page, /^(Versions|版本历史)$/).click() },
  { name: 'completion', path: '/apps/haiku' },
  { name: 'api', path: '/apps/museum/api' },
  {
    name: 'api-picture',
    path: '/apps/museum/api?task=picture&lang=python',
    act: (page) => page.locator('pre').scrollIntoViewIfNeeded(),
  },
  { name: 'models', path: '/models' },
  { name: 'providers', path: '/models/providers' },
  { name: 'provider-edit', path: '/models/providers', act: (page) => button(page, /^(Edit|编辑): vllm$/).click() },
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

gallery(SHOTS);
