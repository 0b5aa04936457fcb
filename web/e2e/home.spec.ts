import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';
import { baseUrl } from './base';

const PICTURE = join(import.meta.dirname, '../../docs/pictures/red-circle.png');

/** Collects what a page complains of. */
function complaints(page: Page) {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 4')) errors.push(message.text());
  });
  return errors;
}

test('a template becomes an app that answers about a picture', async ({ page }) => {
  const errors = complaints(page);
  await page.goto(`${baseUrl()}/templates?category=vision`);
  await page.getByRole('button', { name: 'Use template: Picture companion' }).click();
  await expect(page.getByRole('heading', { name: 'Picture companion' })).toBeVisible();
  await page.getByTestId('file-input').setInputFiles(PICTURE);
  await expect(page.getByRole('status', { name: /Uploading/ })).toHaveCount(0);
  await page.locator('textarea').last().fill('What color is the shape?');
  await page.keyboard.press('Enter');
  await expect(page.locator('.prose-answer').last()).toContainText(/red/i, { timeout: 120_000 });

  // tags, by which the list is filtered
  await page.goto(`${baseUrl()}/apps?keyword=Picture companion`);
  await page.getByRole('button', { name: 'More actions: Picture companion' }).click();
  await page.getByRole('menuitem', { name: 'Tags' }).click();
  await page.getByRole('textbox', { name: 'New tag' }).fill('pictures');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.goto(`${baseUrl()}/apps?tag=pictures&sort=name`);
  await expect(page.getByRole('link', { name: 'Picture companion' })).toHaveCount(1);
  await page.goto(`${baseUrl()}/apps?tag=nothing`);
  await expect(page.getByText('Nothing matches')).toBeVisible();
  expect(errors).toEqual([]);
});

test('the playground measures, and the engine shows it', async ({ page }) => {
  const errors = complaints(page);
  await page.goto(`${baseUrl()}/playground`);
  await page.getByTestId('file-input').setInputFiles(PICTURE);
  await page.getByRole('textbox', { name: /^Ask something/ }).fill('What color is the shape?');
  await page.keyboard.press('Enter');
  await expect(page.locator('.prose-answer').last()).toContainText(/red/i, { timeout: 120_000 });
  await expect(page.getByTestId('measures')).toContainText('first token');
  await page.screenshot({ path: 'screenshots/server/playground.png' });

  await page.goto(`${baseUrl()}/engine`);
  await expect(page.getByRole('heading', { name: 'ashlar-tiny' })).toBeVisible();
  await expect(page.getByText('Live, once a second')).toBeVisible();
  await page.waitForTimeout(2500);
  await page.screenshot({ path: 'screenshots/server/engine.png' });
  expect(errors).toEqual([]);
});

test('models say whether they fit', async ({ page }) => {
  await page.goto(`${baseUrl()}/models`);
  await page.getByRole('button', { name: 'More actions: ashlar-tiny' }).click();
  await page.getByRole('menuitem', { name: 'What it takes' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText(/^It fits: /)).toBeVisible();
  await expect(dialog.getByText(/11.9M parameters/)).toBeVisible();
  await dialog.getByRole('combobox', { name: 'Model' }).fill('qwen3-vl-8b');
  await dialog.getByRole('button', { name: 'Work it out' }).click();
  await dialog.getByRole('combobox', { name: 'Runs on' }).click();
  await page.getByRole('option', { name: 'NVIDIA GPU' }).click();
  await dialog.getByRole('spinbutton', { name: 'Memory' }).fill('80');
  await expect(dialog.getByText('as FP8')).toBeVisible();
});

test('a tool is tried, and an agent calls it', async ({ page }) => {
  const errors = complaints(page);
  await page.goto(`${baseUrl()}/tools`);
  await page.getByRole('button', { name: 'Maths' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('6 * 7');
  await page.getByRole('button', { name: 'Try it' }).click();
  await expect(page.getByRole('dialog').getByText(/is 42/)).toBeVisible();

  await page.goto(`${baseUrl()}/templates?category=agents`);
  await page.getByRole('button', { name: 'Use template: Agent with tools' }).click();
  await expect(page.getByText('Evaluate an expression')).toBeVisible();
  await page.getByRole('button', { name: 'Remove: Read a web page' }).click();
  await expect(page.getByText('Draft saved')).toBeVisible();
  await page.locator('textarea').last().fill('What is 17 * 23?');
  await page.keyboard.press('Enter');
  await expect(page.getByText(/\d+ tokens · .*first token/).or(page.getByRole('alert'))).toBeVisible({
    timeout: 120_000,
  });
  await page.screenshot({ path: 'screenshots/server/agent.png' });
  expect(errors).toEqual([]);
});

test('two variants of an app answer side by side', async ({ page }) => {
  await page.goto(`${baseUrl()}/templates`);
  await page.getByRole('button', { name: 'Use template: Rewriter' }).click();
  await page.getByRole('button', { name: 'Compare' }).click();
  await expect(page).toHaveURL(/compare=true/);
  await page.getByLabel(/^Text/).fill('The wall is built of large grey stones.');
  await page.getByRole('button', { name: 'Run' }).click();
  await expect(page.getByText(/\d+ tokens · .*first token/)).toHaveCount(2, { timeout: 120_000 });
});

const PAGES = [
  'apps',
  'apps?tour=1',
  'templates',
  'tools',
  'tools?open=time',
  'knowledge',
  'models',
  'models/providers',
  'models/defaults',
  'playground',
  'engine',
  'settings/workspace',
  'settings/keys',
  'settings/secrets',
  'settings/audit',
  'settings/about',
];

test('every page can be used with a screen reader, in both themes', async ({ page }) => {
  for (const path of PAGES) {
    await page.goto(`${baseUrl()}/${path}`);
    await expect(page.getByRole('heading').first()).toBeVisible();
    await page.waitForTimeout(600);
    for (const dark of [false, true]) {
      await page.evaluate((on) => document.documentElement.classList.toggle('dark', on), dark);
      await page.waitForTimeout(200);
      const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa']).analyze();
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join('\n')}`);
      expect(found, `${path}${dark ? ', dark' : ''}`).toEqual([]);
    }
  }
});
