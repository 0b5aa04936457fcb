import type { Page } from '@playwright/test';
import { button, gallery, type Shot } from './gallery';

const TABLET = { width: 768, height: 1024 };

async function run(page: Page, ticket: string) {
  await page.locator('aside textarea').first().fill(ticket);
  await button(page, /^(Run|运行)$/).click();
  await page.waitForTimeout(700);
}

async function ask(page: Page) {
  await page.locator('aside textarea').last().fill('When do you close?');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(700);
}

const SHOTS: Shot[] = [
  { name: 'studio', path: '/apps/pipeline' },
  { name: 'studio-empty', path: '/apps/blank' },
  { name: 'studio-add', path: '/apps/pipeline', act: (page) => button(page, /^(Add node|添加节点)$/).click() },
  { name: 'studio-search', path: '/apps/pipeline', act: (page) => button(page, /^(Find a node|查找节点)$/).click() },
  { name: 'studio-keys', path: '/apps/pipeline', act: (page) => page.keyboard.press('?') },
  { name: 'studio-start', path: '/apps/pipeline?node=start' },
  { name: 'studio-llm', path: '/apps/pipeline?node=draft' },
  { name: 'studio-vision', path: '/apps/pipeline?node=see' },
  { name: 'studio-if', path: '/apps/pipeline?node=check' },
  { name: 'studio-classifier', path: '/apps/pipeline?node=sort' },
  { name: 'studio-code', path: '/apps/pipeline?node=words' },
  { name: 'studio-http', path: '/apps/pipeline?node=pay' },
  { name: 'studio-human', path: '/apps/pipeline?node=ask' },
  { name: 'studio-extractor', path: '/apps/pipeline?node=amount' },
  { name: 'studio-iteration', path: '/apps/pipeline?node=look' },
  { name: 'studio-end', path: '/apps/pipeline?node=end' },
  {
    name: 'studio-try',
    path: '/apps/pipeline?node=draft',
    act: (page) => button(page, /^(Run this node alone|单独运行此节点)$/).click(),
  },
  {
    name: 'studio-last',
    path: '/apps/pipeline?node=draft',
    act: (page) => page.getByRole('tab', { name: /^(Last run|上次运行)$/ }).click(),
  },
  { name: 'studio-variables', path: '/apps/pipeline?panel=variables' },
  { name: 'studio-values', path: '/apps/pipeline?panel=values' },
  { name: 'studio-checks', path: '/apps/pipeline?panel=checks' },
  { name: 'studio-run', path: '/apps/pipeline?panel=run' },
  {
    name: 'studio-running',
    path: '/apps/pipeline?panel=run',
    act: (page) => run(page, 'The shade of my lamp came cracked.'),
  },
  {
    name: 'studio-trace',
    path: '/apps/pipeline?panel=run',
    act: async (page) => {
      await run(page, 'The shade of my lamp came cracked.');
      await page.getByRole('tab', { name: /^(Trace|追踪)$/ }).click();
      await page.waitForTimeout(200);
    },
  },
  { name: 'studio-history', path: '/apps/pipeline?panel=history' },
  { name: 'studio-history-run', path: '/apps/pipeline?panel=history&run=5d7d41b5-0000-4000-8000-000000000001' },
  {
    name: 'studio-diff',
    path: '/apps/pipeline',
    act: async (page) => {
      await button(page, /^(Versions|版本历史)$/).click();
      await button(page, /^(Compare with the next version|与下一个版本比较)/).click();
      await page.waitForTimeout(400);
    },
  },
  {
    name: 'studio-publish',
    path: '/apps/pipeline',
    act: (page) => button(page, /^(Publish|发布)$/).click(),
  },
  { name: 'studio-chat', path: '/apps/guide?panel=run', act: ask },
  { name: 'studio-agent', path: '/apps/guide?node=agent' },
  { name: 'studio-features', path: '/apps/guide?panel=features' },
  { name: 'tablet-studio', path: '/apps/pipeline?node=draft', size: TABLET },
  { name: 'tablet-studio-run', path: '/apps/pipeline?panel=run', size: TABLET },
];

/** The studio and its editors come in pieces of their own. */
async function settled(page: Page) {
  await page.locator('.react-flow__pane').waitFor();
  await page.waitForLoadState('networkidle');
  await page.waitForTimeout(500);
}

gallery(
  SHOTS.map((shot) => ({
    ...shot,
    act: async (page) => {
      await settled(page);
      await shot.act?.(page);
      await settled(page);
    },
  })),
);
