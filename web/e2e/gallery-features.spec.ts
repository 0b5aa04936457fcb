import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { ARCHIVE } from '../src/test/feature-fixtures';
import { makeApp } from '../src/test/fixtures';
import { button, gallery, type Shot } from './gallery';

const PICTURE = join(import.meta.dirname, '../../docs/pictures/red-circle.png');

const archive = () => ({ apps: [makeApp('archive', ARCHIVE)] });
const features = (page: Page) =>
  page.getByRole('heading', { name: /^(Features|功能)$/ }).evaluate((h) => h.scrollIntoView());

/** Picks a type in the dialog for a new variable. */
const variable = (type: RegExp) => async (page: Page) => {
  await button(page, /^(Add variable|添加变量)$/).click();
  await page.getByRole('dialog').getByRole('button', { name: type }).click();
};

const STEPS = {
  name: 'Two messages',
  draft: {
    prompt_type: 'advanced',
    chat_prompt_config: {
      prompt: [
        { role: 'system', text: 'You answer about {{topic}} for {{reader}}.' },
        { role: 'user', text: 'Begin.' },
      ],
    },
    user_input_form: [
      { paragraph: { label: 'Topic', variable: 'topic', required: true } },
      { 'text-input': { label: 'Tone', variable: 'tone', required: true } },
    ],
  },
};

const SHOTS: Shot[] = [
  {
    name: 'prompt-advanced',
    path: '/apps/steps',
    world: { apps: [makeApp('steps', STEPS)] },
    act: async (page) => {
      await page.getByRole('combobox', { name: /^(User|用户)$/ }).click();
      await page.keyboard.press('Control+End');
      await page.keyboard.type(' About {{to', { delay: 5 });
      await page.waitForTimeout(300);
    },
  },
  { name: 'features', path: '/apps/museum', act: features, size: { width: 1440, height: 1300 } },
  { name: 'features-elsewhere', path: '/apps/archive', world: archive(), act: features },
  { name: 'variable-files', path: '/apps/archive', world: archive(), act: variable(/^(Files|多个文件)$/) },
  { name: 'variable-json', path: '/apps/archive', world: archive(), act: variable(/^JSON$/) },
  {
    name: 'chat-files',
    path: '/apps/archive',
    world: archive(),
    act: async (page) => {
      await page.getByTestId('file-input').setInputFiles([
        {
          name: 'site plan 2026-07-31, second floor.pdf',
          mimeType: 'application/pdf',
          buffer: Buffer.alloc(183_000),
        },
        { name: 'walk-through.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(900_000) },
      ]);
      await page.getByTestId('file-Drawings').setInputFiles([
        { name: 'elevation.png', mimeType: 'image/png', buffer: await readFile(PICTURE) },
        { name: 'notes.wav', mimeType: 'audio/wav', buffer: Buffer.alloc(10) },
      ]);
      await page.waitForTimeout(400);
    },
  },
  {
    name: 'tablet-features',
    path: '/apps/archive',
    world: archive(),
    act: features,
    size: { width: 768, height: 1100 },
  },
];

gallery(SHOTS);
