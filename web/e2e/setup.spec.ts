import { expect, test } from '@playwright/test';
import { baseUrl, createAccount, OWNER } from './base';

test('set up the server, or sign in to it', async ({ page }) => {
  await page.goto(`${baseUrl()}/`);
  await page.waitForURL(/\/(setup|sign-in)/);
  await page.screenshot({ path: 'screenshots/server/01-start.png' });
  if (page.url().includes('/setup')) {
    await createAccount(page);
  } else {
    await page.getByLabel('Email').fill(OWNER.email);
    await page.getByLabel('Password', { exact: true }).fill(OWNER.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }
  await expect(page).toHaveURL(/\/apps$/);
  await page.context().storageState({ path: '.auth/owner.json' });
});
