// Files and form fields of every kind, from the editor to what the server takes.
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { seriousIssues } from './axe';
import { baseUrl } from './base';

const PICTURE = join(import.meta.dirname, '../../docs/pictures/red-circle.png');

test('an app takes files of several kinds, and fields that hold files and JSON', async ({ page }) => {
  const base = baseUrl();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('response', (response) => {
    if (response.status() >= 400) errors.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(`${base}/apps`);
  await page.getByRole('button', { name: 'New app' }).first().click();
  await page.getByLabel('Name').fill('Drawing archive');
  await page.getByRole('button', { name: 'Create app' }).click();
  await expect(page.getByRole('heading', { name: 'Drawing archive' })).toBeVisible();

  // what a message may carry
  const files = page.getByRole('region', { name: 'Files' });
  await files.getByRole('checkbox', { name: 'Documents' }).click();
  await files.getByRole('checkbox', { name: 'Others' }).click();
  await files.getByLabel('Extensions of the others').fill('step');
  await expect(files.getByText(/Models don’t read these by themselves/)).toBeVisible();

  // fields for files and JSON
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Add variable' }).click();
  await dialog.getByRole('button', { name: 'Files' }).click();
  await dialog.getByLabel('Variable name').fill('drawings');
  await dialog.getByLabel('Label').fill('Drawings');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole('button', { name: 'Add variable' }).click();
  await dialog.getByRole('button', { name: 'JSON' }).click();
  await dialog.getByLabel('Variable name').fill('report');
  await dialog.getByLabel('Label').fill('Report');
  expect(await seriousIssues(page)).toEqual([]);
  await dialog.getByLabel(/JSON Schema/).fill('{"type": "object", "required": ["year"]}');
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText('Draft saved')).toBeVisible();

  // follow-ups in words of one's own, saved answers compared by the model that is there
  await page.getByRole('switch', { name: 'Follow-up questions' }).click();
  await page.getByLabel(/Instructions of your own/).fill('Suggest three follow-up questions as a JSON array.');
  await page.getByRole('switch', { name: 'Annotation reply' }).click();
  await expect(page.getByText(/Compared by|only the same words match/)).toBeVisible();

  // filled in and sent
  await page.getByTestId('file-Drawings').setInputFiles(PICTURE);
  await page.getByRole('textbox', { name: /^Report/ }).fill('{"year": 1851}');
  await page.getByTestId('file-input').setInputFiles([
    { name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('# Notes') },
    { name: 'part.step', mimeType: 'application/step', buffer: Buffer.from('ISO-10303-21;') },
  ]);
  await expect(page.getByText('part.step')).toBeVisible();
  await expect(page.getByRole('status', { name: /ploading/ })).toHaveCount(0);
  await page.getByRole('textbox', { name: /Ask about a picture/ }).fill('What color is the shape?');
  await page.keyboard.press('Enter');
  await expect(page.getByText(/\d+ tokens · .*first token/)).toBeVisible({ timeout: 120_000 });
  await expect(page.locator('article').getByText('notes.md')).toBeVisible();
  await expect(page.getByText('You could ask')).toBeVisible({ timeout: 120_000 });

  expect(await seriousIssues(page)).toEqual([]);

  // what does not fit its schema is said by the server, in its words
  errors.length = 0;
  await page.getByRole('button', { name: 'Form', exact: true }).click();
  await page.getByRole('textbox', { name: /^Report/ }).fill('{"year_": 1851}');
  await page.getByRole('textbox', { name: /Ask about a picture/ }).fill('And now?');
  await page.keyboard.press('Enter');
  await expect(page.getByText(/does not match schema/)).toBeVisible();
  expect(errors).toEqual([expect.stringMatching(/^400 .*\/preview$/)]);

  // it is kept
  await page.reload();
  await expect(files.getByRole('checkbox', { name: 'Documents' })).toBeChecked();
  await expect(files.getByLabel('Extensions of the others')).toHaveValue('.step');
  await expect(page.getByText('drawings', { exact: true })).toBeVisible();
});
