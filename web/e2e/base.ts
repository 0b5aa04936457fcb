import type { Page } from '@playwright/test';

/** Where the server under test listens; known once the global setup has run. */
export function baseUrl(): string {
  const url = process.env.BASE_URL;
  if (!url) throw new Error('Set ASHLAR_BIN to the ashlar binary, or BASE_URL to a server that runs.');
  return url;
}

export const OWNER = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'analytical1' };

/** On the first page of an empty server. */
export async function createAccount(page: Page) {
  await page.getByLabel('Name').fill(OWNER.name);
  await page.getByLabel('Email').fill(OWNER.email);
  await page.getByLabel('Password', { exact: true }).fill(OWNER.password);
  await page.getByRole('button', { name: 'Create account and start' }).click();
}
