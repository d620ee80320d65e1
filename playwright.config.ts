import { defineConfig } from '@playwright/test';
import { BROWSER_NAMES, browserLaunchOptions } from './test/support/browsers.js';

// It alone lets a test freeze a tab, and has Background Sync; the guide is about the code, so one browser will do; benchmarks
// are run in it.
const CHROMIUM_ONLY = ['**/frozen-*.spec.ts', '**/background-sync.spec.ts', '**/guide.spec.ts', '**/bench-*.spec.ts'];

export default defineConfig({
  testDir: './test/e2e',
  // Each test has servers and a database of its own, so files run side by side; more than two starve small machines.
  workers: 2,
  // A test that passes at the second attempt has found something.
  retries: 0,
  timeout: 120_000,
  // When every test hangs, the whole check must still end in reasonable time.
  globalTimeout: 1_200_000,
  forbidOnly: process.env['CI'] !== undefined,
  outputDir: 'test-results',
  use: { trace: 'off', video: 'off', screenshot: 'off' },
  projects: BROWSER_NAMES.map((name) => {
    const { channel, ...launchOptions } = browserLaunchOptions(name);
    const testIgnore = name === 'chromium' ? [] : CHROMIUM_ONLY;
    return {
      name,
      testIgnore,
      use: { browserName: name, ...(channel === undefined ? {} : { channel }), launchOptions },
    };
  }),
});
