import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { GPU, makeHome, PULLS } from '../src/test/home-fixtures';
import { MANY_SECRETS } from '../src/test/secrets-fixtures';
import { button, gallery, type Shot } from './gallery';

const PICTURE = join(import.meta.dirname, '../../docs/pictures/red-circle.png');
const TABLET = { width: 768, height: 1024 };

async function compareModels(page: Page) {
  await page.getByTestId('file-input').setInputFiles(PICTURE);
  await page.locator('textarea').last().fill('What do you see?');
  await page.keyboard.press('Enter');
  await page.getByTestId('measures').first().waitFor();
  await page.waitForTimeout(300);
}

async function askAgent(page: Page) {
  await page.locator('textarea').last().fill('What is 17 * 23?');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: /Evaluate an expression (called|已调用)/ }).click();
  await page.waitForTimeout(400);
}

const SHOTS: Shot[] = [
  { name: 'tour', path: '/apps?tour=2', newcomer: true },
  { name: 'apps-tags', path: '/apps', act: (page) => button(page, /^(Tags|标签)$/).click() },
  { name: 'templates', path: '/templates' },
  { name: 'import', path: '/apps', act: (page) => button(page, /^(Import a file|导入文件)$/).click() },
  { name: 'models-pulls', path: '/models', world: { home: { ...makeHome(), pulls: PULLS } } },
  {
    name: 'models-pull',
    path: '/models',
    act: async (page) => {
      await button(page, /^(Download|下载)$/).click();
      await button(page, /^Qwen3-VL-8B-Instruct/).click();
      await button(page, /^(Will it fit\?|装得下吗？)$/)
        .last()
        .click();
      await page.waitForTimeout(400);
    },
  },
  {
    name: 'models-plan',
    path: '/models',
    act: async (page) => {
      await button(page, /^(More actions|更多操作)[:：] ashlar-tiny$/).click();
      await page.getByRole('menuitem', { name: /^(What it takes|所需资源)$/ }).click();
      await page.waitForTimeout(300);
      await page.getByRole('combobox').last().click();
      await page.getByRole('option', { name: 'NVIDIA GPU' }).click();
      await page.waitForTimeout(500);
    },
  },
  { name: 'models-defaults', path: '/models/defaults' },
  { name: 'playground', path: '/playground' },
  {
    name: 'playground-answers',
    path: '/playground?models=["local/default","vllm/qwen3-vl-8b","local/smollm2-135m-instruct-q8_0"]',
    act: compareModels,
  },
  { name: 'engine', path: '/engine', act: (page) => page.waitForTimeout(14_000), size: { width: 1440, height: 1000 } },
  {
    name: 'engine-gpu',
    path: '/engine',
    world: { home: { ...makeHome(), engine: { ...makeHome().engine, device: 'cuda', gpu: GPU } } },
    act: (page) => page.waitForTimeout(14_000),
  },
  {
    name: 'engine-empty',
    path: '/engine',
    world: { home: { ...makeHome(), engine: { ...makeHome().engine, models: [] } } },
  },
  { name: 'tools', path: '/tools' },
  { name: 'tools-empty', path: '/tools?type=workflow' },
  {
    name: 'tools-try',
    path: '/tools?open=maths',
    act: async (page) => {
      await page.getByRole('dialog').getByRole('textbox').fill('6 * 7');
      await button(page, /^(Try it|试用)$/).click();
      await page.waitForTimeout(300);
    },
  },
  {
    name: 'tools-openapi',
    path: '/tools',
    act: async (page) => {
      await button(page, /^(Add tools|添加工具)$/).click();
      await page.getByRole('menuitem', { name: /OpenAPI/ }).click();
      await page.getByRole('dialog').getByRole('textbox').fill('https://pets.example.com/openapi.json');
      await button(page, /^(Find tools|查找工具)$/).click();
      await page.waitForTimeout(300);
    },
  },
  {
    name: 'tools-mcp',
    path: '/tools',
    act: async (page) => {
      await button(page, /^(Add tools|添加工具)$/).click();
      await page.getByRole('menuitem', { name: /MCP/ }).click();
      await button(page, /^(Add header|添加请求头)$/).click();
    },
  },
  { name: 'agent', path: '/apps/helper', act: askAgent },
  { name: 'agent-tools', path: '/apps/helper', act: (page) => button(page, /^(Add tool|添加工具)$/).click() },
  {
    name: 'compare',
    path: '/apps/museum?compare=true',
    act: async (page) => {
      await page.locator('textarea').last().fill('What do you see?');
      await page.keyboard.press('Enter');
      await page.locator('.prose-answer table').nth(1).waitFor();
      await page.waitForTimeout(300);
    },
  },
  { name: 'knowledge', path: '/knowledge' },
  { name: 'workspace', path: '/settings/workspace' },
  { name: 'keys', path: '/settings/keys' },
  { name: 'secrets', path: '/settings/secrets' },
  { name: 'secrets-empty', path: '/settings/secrets', world: { secrets: [] } },
  { name: 'secrets-many', path: '/settings/secrets', world: { secrets: MANY_SECRETS } },
  { name: 'secrets-kind', path: '/settings/secrets?kind=mcp', world: { secrets: MANY_SECRETS } },
  { name: 'tablet-secrets', path: '/settings/secrets', size: TABLET, world: { secrets: MANY_SECRETS } },
  { name: 'phone-secrets', path: '/settings/secrets', size: { width: 390, height: 844 } },
  {
    name: 'audit',
    path: '/settings/audit',
    act: (page) => page.locator('main ol button').first().click(),
  },
  { name: 'about', path: '/settings/about' },
  { name: 'tablet-templates', path: '/templates', size: TABLET },
  { name: 'tablet-models', path: '/models', size: TABLET },
  { name: 'tablet-engine', path: '/engine', size: TABLET, act: (page) => page.waitForTimeout(8000) },
  {
    name: 'tablet-playground',
    path: '/playground?models=["local/default","vllm/qwen3-vl-8b"]',
    size: TABLET,
    act: compareModels,
  },
  { name: 'tablet-tools', path: '/tools', size: TABLET },
];

gallery(SHOTS);
