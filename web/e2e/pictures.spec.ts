// The pictures of the README, over the made-up workspace: `npm run pictures` after `npm run build`.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Page, test } from '@playwright/test';
import { button, open, type Shot } from './gallery';

const DOCS = join(import.meta.dirname, '../../docs/pictures');

const SHOTS: Shot[] = [
  { name: 'apps', path: '/apps' },
  {
    name: 'chat',
    path: '/apps/museum',
    act: async (page) => {
      await page.getByTestId('file-input').setInputFiles(join(DOCS, 'red-circle.png'));
      await page.locator('textarea').last().fill('What do you see?');
      await page.keyboard.press('Enter');
      await page.locator('.prose-answer table').waitFor();
    },
  },
  {
    name: 'studio',
    path: '/apps/pipeline?panel=run',
    act: async (page) => {
      // room for nodes that can be read
      await button(page, /^Collapse sidebar$/).click();
      await button(page, /^Map$/).click();
      await page.locator('aside textarea').first().fill('The shade of my lamp came cracked.');
      await button(page, /^Run$/).click();
      await page.getByRole('tab', { name: 'Trace' }).click();
      await page.locator('.edge-taken').nth(2).waitFor();
    },
  },
  {
    name: 'logs',
    path: '/apps/museum/logs?open=c-1',
    act: async (page) => {
      await page.getByText('490 BC').waitFor();
      await page.getByRole('dialog').getByText('490 BC').click();
    },
  },
  { name: 'engine', path: '/engine', act: (page) => page.waitForTimeout(25_000) },
];

/** The browser's own encoder: a third of a PNG, and nothing to install. */
async function webp(page: Page, png: Buffer) {
  const url = await page.evaluate(
    async (source) => {
      const image = new Image();
      image.src = source;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width;
      canvas.height = image.height;
      canvas.getContext('2d')?.drawImage(image, 0, 0);
      return canvas.toDataURL('image/webp', 0.9);
    },
    `data:image/png;base64,${png.toString('base64')}`,
  );
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}

for (const theme of ['light', 'dark'] as const) {
  for (const shot of SHOTS) {
    test(`${shot.name} ${theme}`, async ({ page }) => {
      await page.setViewportSize({ width: 1440, height: 900 });
      await open(page, shot.path, theme, 'en-US', shot.world);
      await shot.act?.(page);
      await page.waitForTimeout(1000);
      const png = await page.screenshot();
      await writeFile(join(DOCS, `console-${shot.name}-${theme}.webp`), await webp(page, png));
    });
  }
}
