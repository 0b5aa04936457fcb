import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type APIRequestContext, type Browser, expect, type Page, test } from '@playwright/test';
import { seriousIssues } from './axe';
import { baseUrl } from './base';

const PICTURE = join(import.meta.dirname, '../../docs/pictures/red-circle.png');

const CHAT = `
app: {name: Picture guide, mode: chat, icon: 🖼️, icon_background: '#E0EDD3', description: Says what is in a picture.}
kind: app
version: 0.6.0
model_config:
  model: {provider: local, name: default, mode: chat, completion_params: {temperature: 0, max_tokens: 48}}
  pre_prompt: ''
  opening_statement: Show me a picture.
  suggested_questions: [What colour is it?]
  file_upload: {image: {enabled: true, number_limits: 2, detail: low, transfer_methods: [local_file]}}
`;

const WORKFLOW = `
app: {name: Greeter, mode: workflow, icon: 👋, icon_background: '#DCE7F5'}
kind: app
version: 0.6.0
workflow:
  features: {}
  graph:
    nodes:
      - {id: start, type: custom, data: {type: start, title: Start, variables: [{variable: name, label: Name, type: text-input, required: true, max_length: 48}]}}
      - {id: greet, type: custom, data: {type: template-transform, title: Greet, template: 'Good day, {{ name }}.', variables: [{variable: name, value_selector: [start, name]}]}}
      - {id: end, type: custom, data: {type: end, title: End, outputs: [{variable: greeting, value_selector: [greet, output]}]}}
    edges:
      - {id: a, source: start, sourceHandle: source, target: greet, targetHandle: target}
      - {id: b, source: greet, sourceHandle: source, target: end, targetHandle: target}
`;

interface Published {
  id: string;
  site_code: string;
  mcp_code: string;
}

async function publish(request: APIRequestContext, yaml: string): Promise<Published> {
  const base = baseUrl();
  const { csrf_token } = await (await request.get(`${base}/api/session`)).json();
  const post = async (path: string, data: object) => {
    const response = await request.post(`${base}${path}`, { data, headers: { 'X-CSRF-Token': csrf_token } });
    expect(response.status(), await response.text()).toBeLessThan(300);
    return response.json();
  };
  const { app } = await post('/api/apps/import', { yaml });
  await post(`/api/apps/${app.id}/publish`, {});
  return app as Published;
}

/** Somebody else's browser; whatever goes wrong in it is noted. */
async function stranger(browser: Browser, url: string): Promise<{ page: Page; errors: string[] }> {
  const page = await (
    await browser.newContext({ storageState: { cookies: [], origins: [] }, locale: 'en-US' })
  ).newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  await page.goto(url);
  return { page, errors };
}

async function soundForEveryone(page: Page) {
  expect(await seriousIssues(page)).toEqual([]);
}

test('a visitor asks about a picture; the log shows how it was answered, the monitoring counts it', async ({
  page,
  request,
  browser,
}) => {
  const app = await publish(request, CHAT);
  const { page: visitor, errors } = await stranger(browser, `${baseUrl()}/a/${app.site_code}`);
  await expect(visitor).toHaveTitle('Picture guide');
  await expect(visitor.getByText('Show me a picture.')).toBeVisible();
  await soundForEveryone(visitor);
  await visitor.getByTestId('file-input').setInputFiles(PICTURE);
  await expect(visitor.getByRole('status')).toHaveCount(0);
  await visitor.getByRole('textbox', { name: 'Ask something…' }).fill('What colour is the circle?');
  await visitor.keyboard.press('Enter');
  await expect(visitor.getByRole('button', { name: 'Good answer' })).toBeVisible({ timeout: 120_000 });
  const answer = (await visitor.locator('article .prose-answer').textContent())?.trim() ?? '';
  expect(answer).not.toBe('');
  await visitor.getByRole('button', { name: 'Good answer' }).click();
  await expect(visitor.getByText('Thank you for your verdict.')).toBeVisible();
  await visitor.screenshot({ path: 'screenshots/server/site.png' });

  // it is there when they come back
  await expect(visitor).toHaveURL(/\?c=/);
  await visitor.reload();
  await expect(visitor.locator('article .prose-answer')).toHaveText(answer);
  await expect(visitor.locator('article img')).toBeVisible();
  await expect(visitor.getByRole('button', { name: 'Good answer' })).toHaveAttribute('aria-pressed', 'true');
  expect(errors).toEqual([]);
  // and nobody else's
  const other = await stranger(browser, visitor.url());
  await expect(
    other.page.getByText('This does not exist, or not any more.').or(other.page.getByText('There is no page here')),
  ).toBeVisible();

  await page.goto(`${baseUrl()}/apps/${app.id}/logs`);
  // under the name that the model gave it
  await page.getByRole('row').filter({ hasText: 'visitor-' }).getByRole('button').first().click();
  const drawer = page.getByRole('dialog');
  await expect(drawer.getByText('Web app')).toBeVisible();
  await expect(drawer.getByRole('img', { name: 'red-circle.png' })).toBeVisible();
  await expect(drawer.getByText('The user says: Liked')).toBeVisible();
  await expect(drawer.getByText('Prepare the question')).toBeVisible();
  await expect(drawer.getByText(/^Prompt \d+ .*Pictures \d+/)).toBeVisible();
  await soundForEveryone(page);
  await page.screenshot({ path: 'screenshots/server/logs.png' });
  await drawer.getByRole('button', { name: 'Save as the answer' }).click();
  await page.getByRole('dialog').last().getByRole('textbox', { name: 'Answer' }).fill('Red.');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('The answer is saved.')).toBeVisible();
  await expect(drawer.getByRole('button', { name: 'Edit the saved answer' })).toBeVisible();
  await expect(page.getByRole('dialog')).toHaveCount(1);
  await page.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page
      .getByRole('button', { name: 'Export' })
      .click()
      .then(() => page.getByRole('menuitem', { name: 'Spreadsheet (CSV)' }).click()),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.csv$/);

  await page.goto(`${baseUrl()}/apps/${app.id}/monitoring?period=today`);
  const answers = page.locator('section', { has: page.getByRole('heading', { name: 'Answers' }) });
  await expect(answers.getByText('1', { exact: true }).first()).toBeVisible();
  await expect(
    page.locator('section', { has: page.getByRole('heading', { name: /Satisfaction/ }) }).getByText('100%'),
  ).toBeVisible();
  await soundForEveryone(page);
  await page.screenshot({ path: 'screenshots/server/monitoring.png' });
});

test('a workflow has a page, a table runs line by line, and the page stands in a frame', async ({
  page,
  request,
  browser,
}) => {
  const app = await publish(request, WORKFLOW);
  const { page: visitor, errors } = await stranger(browser, `${baseUrl()}/a/${app.site_code}`);
  await visitor.getByRole('button', { name: 'Run' }).click();
  await expect(visitor.getByText('Please fill this in.')).toBeVisible();
  await visitor.getByRole('textbox', { name: 'Name' }).fill('Ada');
  await visitor.getByRole('button', { name: 'Run' }).click();
  await expect(visitor.getByText('Good day, Ada.')).toBeVisible();
  await soundForEveryone(visitor);
  await visitor.getByRole('radio', { name: 'Batch run' }).click();
  await visitor.getByTestId('batch-file').setInputFiles({
    name: 'names.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from('name\nGrace\n"Mary, the elder"\n'),
  });
  await visitor.getByRole('button', { name: 'Run 2 lines' }).click();
  await expect(visitor.getByText('2 of 2 done')).toBeVisible();
  await expect(visitor.getByText('Good day, Mary, the elder.')).toBeVisible();
  expect(errors).toEqual([]);

  await page.goto(`${baseUrl()}/apps/${app.id}/publish`);
  await expect(page.frameLocator('iframe').getByRole('textbox', { name: 'Name' })).toBeVisible();
  await page.getByRole('textbox', { name: 'Title optional' }).fill('Say hello');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.frameLocator('iframe').getByRole('heading', { name: 'Say hello' })).toBeVisible();
  await page.getByRole('switch', { name: 'The server is on' }).click();
  await expect(page.getByText(`/mcp/${app.mcp_code}`).first()).toBeVisible();
  await soundForEveryone(page);
  await page.screenshot({ path: 'screenshots/server/publish.png', fullPage: true });

  await page.goto(`${baseUrl()}/apps/${app.id}/logs`);
  await expect(page.getByRole('row')).toHaveCount(4);
  await page.getByRole('button', { name: 'Succeeded' }).first().click();
  await expect(page.getByRole('dialog').getByText('Greet', { exact: true })).toBeVisible();
  await soundForEveryone(page);

  // closed, it is gone
  await page.goto(`${baseUrl()}/apps/${app.id}/publish`);
  await page.getByRole('switch', { name: 'The page is open' }).click();
  await expect(page.getByText('Open the page to see it here.')).toBeVisible();
  await visitor.reload();
  await expect(visitor.getByText('There is no app here')).toBeVisible();
});

/** A page of another site, which has the script of the bubble; gives its address. */
async function shopWith(script: string): Promise<{ url: string; close: () => void }> {
  const server = createServer((_, response) =>
    response
      .setHeader('Content-Type', 'text/html')
      .end(`<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>${script}</html>`),
  );
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://localhost:${port}/`, close: () => server.close() };
}

test('a bubble on another page opens the app', async ({ request, browser }) => {
  const app = await publish(request, CHAT);
  const shop = await shopWith(
    `<script src="${baseUrl()}/embed.js" data-code="${app.site_code}" data-title="Ask us" defer></script>`,
  );
  const { page, errors } = await stranger(browser, shop.url);
  const bubble = page.getByRole('button', { name: 'Ask us' });
  await bubble.click();
  const frame = page.frameLocator('iframe[title="Ask us"]');
  await expect(frame.getByText('Show me a picture.')).toBeVisible();
  await expect(bubble).toHaveAttribute('aria-expanded', 'true');
  // a frame of another site has no cookie over plain http, and still goes on
  await frame.getByRole('textbox').fill('Say hello.');
  await frame.getByRole('textbox').press('Enter');
  await expect(frame.getByRole('button', { name: 'Good answer' })).toBeVisible({ timeout: 120_000 });
  await page.screenshot({ path: 'screenshots/server/embed.png' });
  await soundForEveryone(page);
  // what is open inside closes first
  await frame.getByRole('button', { name: 'Show conversations' }).click();
  await expect(frame.getByRole('complementary')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(frame.getByRole('complementary')).toBeHidden();
  await page.keyboard.press('Escape');
  await expect(frame.getByText('Show me a picture.')).toBeHidden();
  await expect(bubble).toBeFocused();
  await page.keyboard.press('Enter');
  // as it was left
  await expect(frame.locator('article').getByText('Say hello.')).toBeVisible();
  await bubble.press('Escape');
  await expect(frame.getByText('Show me a picture.')).toBeHidden();
  expect(errors).toEqual([]);
  shop.close();
});
