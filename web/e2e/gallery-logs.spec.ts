import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { RUN_EVENTS, SITE, TASK_SITE } from '../src/test/site-fixtures';
import { button, gallery, type Shot } from './gallery';

const PHONE = { width: 390, height: 844 };
const TABLET = { width: 768, height: 1024 };
const visitor = { session: null };

const charted = (page: Page) => page.getByRole('img', { name: /^(Cost|费用)/ }).waitFor();

async function askSite(page: Page) {
  await page.getByTestId('file-input').setInputFiles(join(import.meta.dirname, '../../docs/pictures/red-circle.png'));
  await page.locator('textarea').last().fill('How old is the relief? 这件浮雕有多古老？');
  await page.keyboard.press('Enter');
  await page.getByText('490 BC').waitFor();
  await page.waitForTimeout(300);
}

async function runTask(page: Page) {
  await page.locator('textarea').first().fill('The lamp arrived broken. I want my money back.');
  await button(page, /^(Run|运行)$/).click();
  await page.getByText('reached you damaged').waitFor();
}

async function runBatch(page: Page) {
  await page.getByRole('radio', { name: /^(Batch run|批量)$/ }).click();
  await page.getByTestId('batch-file').setInputFiles({
    name: 'letters.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(
      'letter,tone\n"The lamp, brass, arrived broken.",friendly\nWhere is my order 20419?,formal\n,formal\n',
    ),
  });
  await button(page, /^(Run 3 lines|运行 3 行)$/).click();
  await page.getByText(/^(3 of 3 done|已完成 3 \/ 3)/).waitFor();
}

const SHOTS: Shot[] = [
  { name: 'logs', path: '/apps/museum/logs' },
  { name: 'logs-empty', path: '/apps/museum/logs?period=all', world: { logConversations: [] } },
  { name: 'logs-no-match', path: '/apps/museum/logs?q=nothing' },
  {
    name: 'logs-conversation',
    path: '/apps/museum/logs?open=c-1',
    size: { width: 1440, height: 1250 },
    act: (page) => page.getByText('490 BC').waitFor(),
  },
  {
    name: 'logs-annotate',
    path: '/apps/museum/logs?open=c-1',
    act: (page) => button(page, /^(Save as the answer|保存为回答)$/).click(),
  },
  { name: 'logs-completion', path: '/apps/haiku/logs' },
  { name: 'logs-runs', path: '/apps/pipeline/logs' },
  {
    name: 'logs-run',
    path: '/apps/pipeline/logs?open=r-1',
    size: { width: 1440, height: 1250 },
    act: (page) => button(page, /Draft/).click(),
  },
  {
    name: 'monitoring',
    path: '/apps/museum/monitoring?period=30d',
    size: { width: 1440, height: 1150 },
    act: charted,
  },
  { name: 'monitoring-today', path: '/apps/pipeline/monitoring?period=today', act: charted },
  { name: 'monitoring-table', path: '/apps/museum/monitoring?table=true' },
  { name: 'monitoring-empty', path: '/apps/museum/monitoring', world: { unused: true } },
  {
    name: 'publish',
    path: '/apps/museum/publish',
    size: { width: 1440, height: 1500 },
    act: (page) => page.frameLocator('iframe').getByText('the Louvre').first().waitFor(),
  },
  { name: 'publish-qr', path: '/apps/museum/publish', act: (page) => button(page, /^(QR code|二维码)$/).click() },
  { name: 'reference', path: '/apps/pipeline/api', size: { width: 1440, height: 1900 } },
  { name: 'site-new', path: '/a/x', world: visitor },
  { name: 'site-answer', path: '/a/x?c=v-1', world: visitor, act: askSite },
  {
    name: 'site-task',
    path: '/a/x',
    world: { ...visitor, site: TASK_SITE, siteEvents: RUN_EVENTS },
    act: runTask,
  },
  {
    name: 'site-batch',
    path: '/a/x',
    world: { ...visitor, site: TASK_SITE, siteEvents: RUN_EVENTS },
    act: runBatch,
  },
  {
    name: 'site-form',
    path: '/a/x',
    world: {
      ...visitor,
      site: {
        ...SITE,
        parameters: { ...SITE.parameters, user_input_form: [], opening_statement: 'What may I do for you?' },
      },
      siteEvents: [
        { event: 'workflow_started', workflow_run_id: 'r', task_id: 't', data: {} },
        { event: 'message', answer: 'I have drafted the refund. Somebody has to look at it.', task_id: 't' },
        {
          event: 'workflow_paused',
          workflow_run_id: 'r',
          data: { reasons: [{ form_token: 'f', node_title: 'Check the refund' }] },
        },
      ],
    },
    size: { width: 1100, height: 1300 },
    act: async (page) => {
      await page.locator('textarea').last().fill('Refund order 20419, please.');
      await page.keyboard.press('Enter');
      await button(page, /Approve and send/).waitFor();
    },
  },
  { name: 'site-missing', path: '/a/x', world: { ...visitor, site: null }, size: { width: 900, height: 560 } },
  { name: 'phone-site', path: '/a/x', world: visitor, size: PHONE },
  { name: 'phone-site-answer', path: '/a/x?c=v-1', world: visitor, size: PHONE, act: askSite },
  {
    name: 'phone-site-list',
    path: '/a/x',
    world: visitor,
    size: PHONE,
    act: (page) => button(page, /^(Show conversations|显示对话列表)$/).click(),
  },
  { name: 'tablet-logs', path: '/apps/museum/logs?open=c-1', size: TABLET },
  { name: 'tablet-monitoring', path: '/apps/museum/monitoring', size: TABLET, act: charted },
  { name: 'tablet-publish', path: '/apps/museum/publish', size: TABLET },
];

gallery(SHOTS);
