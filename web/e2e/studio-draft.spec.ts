// The draft of a flow and its past: versions, somebody else at it, blocks from another app, runs done again from the middle.
import { expect, type Page, test } from '@playwright/test';
import { baseUrl } from './base';
import { accessible, block, caller, edge, importFlow, node, saved, watch } from './studio';

const template = (id: string, column: number, text: string, reads: string[]) =>
  node(id, column, 0, {
    type: 'template-transform',
    template: text,
    variables: [{ variable: 'x', value_selector: reads }],
  });

const flow = (name: string) => ({
  name,
  nodes: [
    node('Start', 0, 0, {
      type: 'start',
      variables: [{ variable: 'word', label: 'word', type: 'text-input', required: true, max_length: 48 }],
    }),
    template('First', 1, 'first {{ x }}', ['Start', 'word']),
    template('Second', 2, 'second {{ x }}', ['First', 'output']),
    node('End', 3, 0, { type: 'end', outputs: [{ variable: 'text', value_selector: ['Second', 'output'] }] }),
  ],
  edges: ['Start>First', 'First>Second', 'Second>End'].map(edge),
});

const title = (page: Page) => page.getByRole('textbox', { name: 'Title', exact: true });

test('a version is compared with the draft, and restored', async ({ page, request }) => {
  const errors = watch(page);
  const app = await importFlow(request, flow('Versions'));
  const call = await caller(request);
  await call('POST', `/api/apps/${app}/publish`, { name: 'The first' });
  await page.goto(`${baseUrl()}/apps/${app}?node=First`);
  await title(page).fill('Renamed');
  await page.getByRole('textbox', { name: 'Jinja' }).click();
  await page.keyboard.press('Control+End');
  await page.keyboard.insertText(' and more');
  await saved(page);
  await page.getByRole('button', { name: 'Versions', exact: true }).click();
  await page.getByRole('button', { name: 'Compare with the draft: 1' }).click();
  const diff = page.getByRole('dialog');
  await expect(diff.getByText('+ first {{ x }} and more')).toBeVisible();
  await expect(diff.getByText('+ Renamed')).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/studio-diff.png' });
  await accessible(page);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Versions', exact: true }).click();
  await page.getByRole('button', { name: 'Restore to draft' }).click();
  await page.getByRole('dialog').last().getByRole('button', { name: 'Restore to draft' }).last().click();
  await expect(page.getByText('Version 1 is back in the draft.')).toBeVisible();
  await expect(block(page, 'First')).toBeVisible();
  await expect(block(page, 'Renamed')).toHaveCount(0);
  await expect(page.getByRole('textbox', { name: 'Jinja' })).toHaveText('first {{ x }}');
  await page.reload();
  await expect(block(page, 'First')).toBeVisible();
  expect(errors).toEqual([]);
});

test('two people at one draft: nobody is overwritten unseen', async ({ page, request, browser }) => {
  const app = await importFlow(request, flow('Two people'));
  await page.goto(`${baseUrl()}/apps/${app}?node=First`);
  await expect(title(page)).toBeVisible();
  const other = await browser.newContext({ storageState: '.auth/owner.json' });
  const theirs = await other.newPage();
  await theirs.goto(`${baseUrl()}/apps/${app}?node=First`);
  await title(theirs).fill('Theirs');
  await saved(theirs);

  await title(page).fill('Mine');
  const dialog = page.getByRole('dialog', { name: 'Somebody else changed this draft' });
  await expect(dialog).toBeVisible();
  await accessible(page);
  await page.screenshot({ path: 'screenshots/server/studio-conflict.png' });
  await dialog.getByRole('button', { name: 'Reload their version' }).click();
  await expect(block(page, 'Theirs')).toBeVisible();
  await expect(title(page)).toHaveValue('Theirs');

  // the other way round
  await title(page).fill('Mine again');
  await saved(page);
  await title(theirs).fill('Theirs again');
  await theirs.getByRole('dialog').getByRole('button', { name: 'Keep mine' }).click();
  await saved(theirs);
  await page.reload();
  await expect(block(page, 'Theirs again')).toBeVisible();
  await other.close();
});

test('blocks are copied into another app, undone and redone', async ({ page, request, context }) => {
  const errors = watch(page);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const from = await importFlow(request, flow('Copied from'));
  const to = await importFlow(request, flow('Copied to'));
  await page.goto(`${baseUrl()}/apps/${from}`);
  await block(page, 'First').click();
  await block(page, 'Second').click({ modifiers: ['Shift'] });
  await page.keyboard.press('Control+C');
  await expect(page.getByText('2 nodes copied.')).toBeVisible();
  await page.goto(`${baseUrl()}/apps/${to}`);
  await expect(block(page, 'First')).toHaveCount(1);
  await page.locator('.react-flow__pane').click({ position: { x: 40, y: 40 } });
  await page.keyboard.press('Control+V');
  await expect(page.locator('.react-flow__node')).toHaveCount(6);
  await expect(page.locator('.react-flow__node.selected')).toHaveCount(2);
  await page.keyboard.press('Control+Z');
  await expect(page.locator('.react-flow__node')).toHaveCount(4);
  await page.keyboard.press('Control+Shift+Z');
  await expect(page.locator('.react-flow__node')).toHaveCount(6);
  await saved(page);
  const { draft } = await (await caller(request))('GET', `/api/apps/${to}`);
  const pasted = draft.graph.nodes.slice(4);
  // the second reads the first of the copies, not the one it was copied from
  expect(pasted[1].data.variables[0].value_selector).toEqual([pasted[0].id, 'output']);
  await page.screenshot({ path: 'screenshots/server/studio-pasted.png' });
  expect(errors).toEqual([]);
});

test('last values are looked at and changed; a run goes on from the middle with them', async ({ page, request }) => {
  const errors = watch(page);
  const app = await importFlow(request, flow('Again from the middle'));
  await page.goto(`${baseUrl()}/apps/${app}?panel=run`);
  const run = page.getByRole('region', { name: 'Test run' });
  await run.getByLabel('word').fill('stone');
  await run.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(run.getByText('second first stone').first()).toBeVisible();
  await run.getByRole('tab', { name: 'Trace' }).click();
  await run
    .getByRole('button', { name: /Second/ })
    .first()
    .click();
  await run.getByRole('button', { name: 'Run from here' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').first().fill('brick');
  await dialog.getByRole('button', { name: 'Run from here' }).click();
  await run.getByRole('tab', { name: 'Result' }).click();
  await expect(run.getByText('second brick').first()).toBeVisible();
  await page.getByRole('button', { name: 'Last values' }).click();
  const values = page.getByRole('region', { name: 'Last values' });
  await expect(values.getByText('second brick').first()).toBeVisible();
  await page.screenshot({ path: 'screenshots/server/studio-values.png' });
  expect(errors).toEqual([]);
});
