// What the walks through the studio share.
import { type APIRequestContext, expect, type Locator, type Page } from '@playwright/test';
import { seriousIssues } from './axe';
import { baseUrl } from './base';

/** Calls of the console's API with the session's token. */
export async function caller(request: APIRequestContext) {
  const { csrf_token } = await (await request.get(`${baseUrl()}/api/session`)).json();
  return async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, data?: object) => {
    const response = await request.fetch(`${baseUrl()}${path}`, {
      method,
      headers: { 'X-CSRF-Token': csrf_token },
      ...(data ? { data } : {}),
    });
    expect(response.status(), `${method} ${path}: ${await response.text()}`).toBeLessThan(300);
    const text = await response.text();
    return text ? JSON.parse(text) : null;
  };
}

export async function poster(request: APIRequestContext) {
  const call = await caller(request);
  return (path: string, data: object) => call('POST', path, data);
}

interface Flow {
  name: string;
  mode?: 'workflow' | 'advanced-chat';
  features?: object;
  nodes: object[];
  edges: object[];
  [other: string]: unknown;
}

/** An app made of a graph; gives its id. */
export async function importFlow(request: APIRequestContext, flow: Flow): Promise<string> {
  const { name, mode = 'workflow', features = {}, nodes, edges, ...more } = flow;
  const post = await poster(request);
  const { app } = await post('/api/apps/import', {
    yaml: JSON.stringify({
      kind: 'app',
      version: '0.6.0',
      app: { mode, name },
      workflow: { features, graph: { nodes, edges, viewport: { x: 0, y: 0, zoom: 1 } }, ...more },
    }),
  });
  return app.id;
}

/** A node at a place, counted in columns and rows of the canvas. */
export const node = (id: string, column: number, row: number, data: { type: string; [key: string]: unknown }) => ({
  id,
  type: 'custom',
  position: { x: 80 + 320 * column, y: 120 + 180 * row },
  data: { title: id, desc: '', ...data },
});

/** `from>to`, or `from.handle>to`. */
export const edge = (way: string) => {
  const [from = '', target = ''] = way.split('>');
  const [source = '', sourceHandle = 'source'] = from.split('.');
  return { id: way, type: 'custom', source, sourceHandle, target, targetHandle: 'target' };
};

/** What goes wrong on a page, unless the server said no on purpose. */
export function watch(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 4')) errors.push(message.text());
  });
  return errors;
}

export async function accessible(page: Page) {
  expect(await seriousIssues(page)).toEqual([]);
}

export const block = (page: Page, title: string) => page.getByRole('group', { name: title, exact: true });
export const saved = (page: Page) => expect(page.getByText('Draft saved')).toBeVisible();

export async function choose(page: Page, select: Locator, option: string | RegExp) {
  await select.click();
  await page.getByRole('option', { name: option }).click();
}

/** A variable by its name, in the field that names one. */
export async function pick(page: Page, field: Locator, variable: string) {
  await field.click();
  await page.getByRole('textbox', { name: 'Search variables' }).fill(variable);
  await page.keyboard.press('Enter');
}
