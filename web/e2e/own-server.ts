import { type Page, test } from '@playwright/test';
import { startServer } from './server';

/** Gives a spec an empty server of its own and a page, both anew when its tests are tried again. */
export function onOwnServer(use: (base: string, page: Page) => void) {
  let stop = async () => {};
  test.beforeAll(async ({ browser }) => {
    test.setTimeout(240_000);
    const bin = process.env.ASHLAR_BIN;
    test.skip(!bin, 'Set ASHLAR_BIN to the ashlar binary: a server of its own is started.');
    const server = await startServer(bin ?? '');
    stop = server.stop;
    use(server.url, await browser.newPage());
  });
  test.afterAll(() => stop());
}
