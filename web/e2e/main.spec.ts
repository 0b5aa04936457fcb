import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { createAccount } from './base';
import { onOwnServer } from './own-server';

const PICTURE = join(import.meta.dirname, '../../docs/pictures/red-circle.png');

test.describe.configure({ mode: 'serial' });

let base: string;
let page: Page;
onOwnServer((url, first) => {
  base = url;
  page = first;
});

let number = 0;
/** The page as it is, in both themes. */
async function shoot(name: string) {
  number += 1;
  const prefix = `screenshots/server/${String(number + 1).padStart(2, '0')}-${name}`;
  for (const theme of ['light', 'dark']) {
    await page.evaluate((dark) => document.documentElement.classList.toggle('dark', dark), theme === 'dark');
    await page.waitForTimeout(250);
    await page.screenshot({ path: `${prefix}-${theme}.png` });
  }
  await page.evaluate(() => document.documentElement.classList.remove('dark'));
}

test('from an empty workspace to an answer about a picture, over the API too', async () => {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 4')) errors.push(message.text());
  });

  await page.goto(`${base}/`);
  await createAccount(page);
  await expect(page.getByRole('heading', { name: 'Apps' })).toBeVisible();
  await shoot('apps');

  // create an app
  await page.getByRole('button', { name: 'New app' }).first().click();
  await page.getByLabel('Name').fill('Picture helper');
  await page.getByLabel(/Description/).fill('Says what is in a picture.');
  await shoot('create');
  await page.getByRole('button', { name: 'Create app' }).click();
  await expect(page).toHaveURL(/\/apps\/[0-9a-f-]{36}$/);
  await expect(page.getByRole('heading', { name: 'Picture helper' })).toBeVisible();

  // deterministic, short answers; the draft saves itself
  const saved = page.waitForResponse(
    (response) => response.url().endsWith('/draft') && response.request().method() === 'PUT',
  );
  await page.getByRole('button', { name: 'Parameters' }).click();
  await page.getByRole('spinbutton', { name: /^Temperature/ }).fill('0');
  await page.getByRole('spinbutton', { name: /^Max tokens/ }).fill('64');
  await shoot('parameters');
  await page.keyboard.press('Escape');
  expect((await saved).status()).toBe(200);
  await expect(page.getByText('Draft saved')).toBeVisible();

  // upload a picture, read the streamed answer
  await page.getByTestId('file-input').setInputFiles(PICTURE);
  await expect(page.getByRole('img', { name: 'red-circle.png' })).toBeVisible();
  await expect(page.getByRole('status', { name: /Uploading/ })).toHaveCount(0);
  await page.getByRole('textbox', { name: /Ask about a picture/ }).fill('What color is the shape?');
  await shoot('picture-ready');
  await page.keyboard.press('Enter');
  const answer = page.locator('.prose-answer').last();
  await expect(answer).toContainText(/red/i, { timeout: 120_000 });
  await expect(page.getByText(/\d+ tokens · .*first token/)).toBeVisible({ timeout: 120_000 });
  await shoot('answer');

  // a second turn in the same conversation, by drop
  const data = (await readFile(join(import.meta.dirname, '../../docs/pictures/blue-square.png'))).toString('base64');
  const transfer = await page.evaluateHandle((base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], 'blue-square.png', { type: 'image/png' }));
    return files;
  }, data);
  const surface = page.getByRole('region', { name: 'Preview' });
  await surface.dispatchEvent('dragover', { dataTransfer: transfer });
  await expect(page.getByText('Drop to add the picture')).toBeVisible();
  await surface.dispatchEvent('drop', { dataTransfer: transfer });
  await expect(page.getByRole('status', { name: /Uploading/ })).toHaveCount(0);
  await page.getByRole('textbox', { name: /Ask about a picture/ }).fill('What color is the shape?');
  await page.keyboard.press('Enter');
  await expect(page.getByText(/\d+ tokens · .*first token/)).toHaveCount(2, { timeout: 120_000 });
  await expect(page.locator('.prose-answer').last()).toContainText(/blue/i);

  // publish
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByLabel(/Note/).fill('First version');
  await shoot('publish');
  await page.getByRole('button', { name: 'Publish', exact: true }).last().click();
  await expect(page.getByText('Version 1 is live.')).toBeVisible();
  await page.getByRole('button', { name: 'Versions' }).click();
  await expect(page.getByText('First version')).toBeVisible();
  await shoot('versions');
  await page.keyboard.press('Escape');

  // make a key
  await page.getByRole('link', { name: 'API access' }).click();
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByLabel(/Name/).fill('End to end');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  const key = (await page.getByTestId('new-key').textContent()) ?? '';
  expect(key).toMatch(/^app-\w{16,}$/);
  await shoot('key');
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('radio', { name: 'Ask about a picture' }).click();
  await shoot('examples');

  // call it
  const headers = { Authorization: `Bearer ${key}` };
  const form = new FormData();
  form.append('file', new Blob([await readFile(PICTURE)], { type: 'image/png' }), 'red-circle.png');
  form.append('user', 'e2e');
  const upload = await fetch(`${base}/v1/files/upload`, { method: 'POST', headers, body: form });
  expect(upload.status).toBe(201);
  const { id } = (await upload.json()) as { id: string };
  const response = await fetch(`${base}/v1/chat-messages`, {
    method: 'POST',
    headers: { ...headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({
      query: 'What color is the shape?',
      inputs: {},
      user: 'e2e',
      response_mode: 'streaming',
      files: [{ type: 'image', transfer_method: 'local_file', upload_file_id: id }],
    }),
  });
  expect(response.status).toBe(200);
  const events = (await response.text())
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)) as { event: string; answer?: string });
  expect(events.at(-1)?.event).toBe('message_end');
  expect(events.map((event) => event.answer ?? '').join('')).toMatch(/red/i);

  // the key now says when it was used
  await page.reload();
  await expect(page.getByRole('cell', { name: 'End to end', exact: true })).toBeVisible();

  expect(errors).toEqual([]);
});

interface Described {
  label: string;
  description: string;
}

/** The server describes its own tools in English; the page says all of it in its own language. */
async function builtInToolsInChinese() {
  type Tool = Described & { parameters: Described[] };
  type Provider = Described & { provider_type: string; id: string; tools: Tool[] };
  const { data } = (await (await page.request.get(`${base}/api/tools`)).json()) as { data: Provider[] };
  const builtIn = data.filter((provider) => provider.provider_type === 'builtin');
  expect(builtIn).not.toEqual([]);
  for (const { id, tools, ...provider } of builtIn) {
    await page.goto(`${base}/tools?open=${id}`);
    const drawer = page.getByRole('dialog');
    const rows = drawer.locator('li > button');
    await expect(rows).toHaveCount(tools.length);
    for (const [index, tool] of tools.entries()) {
      if (tools.length > 1) await rows.nth(index).click();
      await expect(drawer.getByRole('button', { name: '试用' })).toBeVisible();
      const shown = (await drawer.textContent()) ?? '';
      for (const { label, description } of [provider, tool, ...tool.parameters]) {
        expect(shown).not.toContain(description);
        // JSON and URL are called so in both
        if (label !== label.toUpperCase()) expect(shown).not.toContain(label);
      }
      if (id === 'json_process' && index === 0) await shoot('tools-zh');
    }
  }
}

test('the other pages, in Chinese as well', async () => {
  for (const path of ['models', 'models/providers', 'settings/members', 'settings/account']) {
    await page.goto(`${base}/${path}`);
    await expect(page.getByRole('heading', { level: 2 }).first()).toBeVisible();
    await page.waitForLoadState('networkidle');
    await shoot(path.replace('/', '-'));
  }
  await page.getByRole('combobox', { name: 'Language' }).click();
  await page.getByRole('option', { name: '简体中文' }).click();
  await expect(page.getByRole('heading', { name: '设置' })).toBeVisible();
  await page.goto(`${base}/apps`);
  await expect(page.getByRole('heading', { name: '应用', exact: true })).toBeVisible();
  await shoot('apps-zh');
  await page.getByRole('link', { name: 'Picture helper' }).click();
  await expect(page.getByRole('button', { name: '发布' })).toBeVisible();
  await page.waitForLoadState('networkidle');
  await shoot('chat-zh');
  await builtInToolsInChinese();
  await page.goto(`${base}/settings/account`);
  await page.getByRole('combobox', { name: '语言' }).click();
  await page.getByRole('option', { name: 'English' }).click();
  await expect(page.getByRole('heading', { name: 'Settings' })).toBeVisible();
});
