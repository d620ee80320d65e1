import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import { webkit } from './webkit-provider.js';
import type { WebKitStorage } from './webkit-provider.js';

/** A browser with a profile of its own. */
function inWebKit(name: string, storage: WebKitStorage, include: string): TestProjectInlineConfiguration {
  return {
    // As in vitest.config.ts: what Vite meets during a test reloads the page.
    optimizeDeps: { include: ['comlink', 'dequal', 'dequal/lite', 'sql.js', 'standardwebhooks', 'uuid', 'valibot'] },
    test: {
      name,
      include: [include],
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        instances: [{ browser: 'webkit', provider: webkit(storage) }],
      },
    },
  };
}

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    // Each brings a browser of its own, and time limits are for one at a time.
    fileParallelism: false,
    projects: [
      inWebKit('storage on disk', 'on disk', 'test/browser/**/*.test.ts'),
      inWebKit('storage in memory', 'in memory', 'test/browser/**/*.test.ts'),
      // Apart, because WebKitGTK gives five megabytes, not a gigabyte, to an origin that has once used up its quota.
      inWebKit('full quota', 'on disk', 'test/webkit/in-page/*.spec.ts'),
      { test: { name: 'killed', include: ['test/webkit/*.spec.ts'] } },
    ],
  },
});
