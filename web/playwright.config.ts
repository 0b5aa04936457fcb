import { defineConfig } from '@playwright/test';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

export default defineConfig({
  testDir: './e2e',
  outputDir: './test-results',
  workers: 1,
  timeout: 240_000,
  expect: { timeout: 30_000 },
  // a machine that is busy with something else; what passes only then is reported as flaky
  retries: 1,
  reporter: [['list']],
  use: {
    viewport: { width: 1440, height: 900 },
    actionTimeout: 30_000,
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    // The real server with the bundled model: ASHLAR_BIN starts one on an empty data directory, BASE_URL uses one that runs.
    { name: 'setup', testMatch: 'setup.spec.ts' },
    {
      name: 'server',
      testMatch: [
        'form.spec.ts',
        'features.spec.ts',
        'home.spec.ts',
        'site.spec.ts',
        'studio*.spec.ts',
        'quality.spec.ts',
      ],
      dependencies: ['setup'],
      use: { storageState: '.auth/owner.json' },
    },
    // Servers of their own, as empty as somebody new finds them.
    { name: 'newcomer', testMatch: ['newcomer.spec.ts', 'main.spec.ts'] },
    // Pictures of every page over made-up data; needs only `npm run build`.
    { name: 'gallery', testMatch: 'gallery*.spec.ts' },
    { name: 'pictures', testMatch: 'pictures.spec.ts' },
  ],
  ...(process.env.BASE_URL || !process.env.ASHLAR_BIN ? {} : { globalSetup: './e2e/server.ts' }),
});
