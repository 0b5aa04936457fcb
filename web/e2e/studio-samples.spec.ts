// Files of other people, where they are (`ASHLAR_DSL_SAMPLES`): each opens without an error and lies legibly on the canvas.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { baseUrl } from './base';
import { block, caller, watch } from './studio';

const SAMPLES = process.env.ASHLAR_DSL_SAMPLES ?? join(import.meta.dirname, '../../../shared/dsl-samples');
const files = existsSync(SAMPLES) ? readdirSync(SAMPLES).filter((name) => name.endsWith('.yml')) : [];

test.beforeEach(() => {
  test.skip(files.length === 0, `There are no files of other people in ${SAMPLES}: set ASHLAR_DSL_SAMPLES.`);
});

test('files of other people open in the studio and in the editor', async ({ page, request }) => {
  test.setTimeout(600_000);
  const call = await caller(request);
  const errors = watch(page);
  for (const file of files) {
    await test.step(file, async () => {
      let made = await call('POST', '/api/apps/import', { yaml: readFileSync(join(SAMPLES, file), 'utf8') });
      // a file of another version is asked about first
      if (!made.app) made = await call('POST', `/api/apps/import/${made.import_id}/confirm`, {});
      const { app } = made;
      await page.goto(`${baseUrl()}/apps/${app.id}`);
      await expect(page.getByRole('button', { name: 'Publish', exact: true })).toBeVisible();
      if (app.mode === 'workflow' || app.mode === 'advanced-chat') {
        await expect(page.locator('.react-flow__node').first()).toBeVisible();
        await page.waitForTimeout(300);
        expect.soft(await overlaps(page), `${file}: blocks over each other`).toEqual([]);
      }
      if (process.env.SHOTS) await page.screenshot({ path: `screenshots/samples/${file.replace('.yml', '')}.png` });
      expect.soft(errors.splice(0), file).toEqual([]);
    });
  }
});

/** Blocks of one level that lie over each other; notes may lie anywhere, and what is inside of a container lies over it. */
const overlaps = (page: import('@playwright/test').Page) =>
  page.evaluate(() => {
    const boxes = [...document.querySelectorAll('.react-flow__node-block, .react-flow__node-container')].map(
      (element) => ({
        title: element.getAttribute('aria-label') ?? '',
        isContainer: element.classList.contains('react-flow__node-container'),
        box: element.getBoundingClientRect(),
      }),
    );
    return boxes.flatMap((a, i) =>
      boxes.slice(i + 1).flatMap((b) => {
        if (a.isContainer || b.isContainer) return [];
        const wide = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
        const high = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
        return wide > 2 && high > 2 ? [`${a.title} / ${b.title}`] : [];
      }),
    );
  });

test('a loop of somebody else runs to its end', async ({ page, request }) => {
  const file = 'lazeyliu-loop-assigner.yml';
  test.skip(!files.includes(file), `${file} is not there.`);
  const errors = watch(page);
  const call = await caller(request);
  const { app } = await call('POST', '/api/apps/import', { yaml: readFileSync(join(SAMPLES, file), 'utf8') });
  await page.goto(`${baseUrl()}/apps/${app.id}?panel=run`);
  const run = page.getByRole('region', { name: 'Test run' });
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(run.getByText('Succeeded', { exact: true }).first()).toBeVisible();
  await expect(block(page, 'End').getByLabel('Succeeded')).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/sample-loop.png' });
  expect(errors).toEqual([]);
});

test('the import dialog says what a file of somebody else misses', async ({ page }) => {
  const file = 'svcvit-document-chat-template.yml';
  test.skip(!files.includes(file), `${file} is not there.`);
  const errors = watch(page);
  await page.goto(`${baseUrl()}/apps`);
  await page.getByRole('button', { name: 'Import a file' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.locator('input[type=file]').setInputFiles(join(SAMPLES, file));
  await dialog.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(dialog.getByText(/^“document chat” is here/)).toBeVisible();
  await expect(dialog.getByText('deepseek/deepseek-chat', { exact: true })).toBeVisible();
  await expect(dialog.getByText(/is not set up here/)).toHaveCount(0);
  await page.screenshot({ path: 'screenshots/server/import-report.png' });
  await dialog.getByRole('button', { name: 'Open app' }).click();
  await expect(page.getByRole('button', { name: 'Publish', exact: true })).toBeVisible();
  expect(errors).toEqual([]);
});
