import { fileURLToPath } from 'node:url';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { playwright } from '@vitest/browser-playwright';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { BROWSER_NAMES, browserLaunchOptions } from './test/support/browsers.js';
import { compileDecorators } from './test/support/compile-decorators.js';

// Read by Cloudflare's tools, which would report how often they are used.
process.env['WRANGLER_SEND_METRICS'] ??= 'false';

/** A second, which is the default, is too short for a loaded machine. What never comes is noticed all the same. */
const PATIENT_EXPECT = { poll: { timeout: 20_000 } };

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// In Node the sources are tested: a failure names the line, and no build is needed before `npm run check`.
const SOURCE_ALIASES: Readonly<Record<string, string>> = {
  'daybook/core': source('src/core.ts'),
  'daybook/application': source('src/application/index.ts'),
  'daybook/publishing': source('src/publishing/index.ts'),
  'daybook/nats': source('src/publishing/nats/index.ts'),
  'daybook/host': source('src/host/index.ts'),
  'daybook/sync': source('src/sync/index.ts'),
  'daybook/service-worker': source('src/service-worker/index.ts'),
  'daybook/sqlite': source('src/persistence/sqlite/index.ts'),
  'daybook/node-sqlite': source('src/persistence/sqlite/node-sqlite.ts'),
  'daybook/session': source('src/session/index.ts'),
  'daybook/transfer': source('src/transfer/index.ts'),
  'daybook/archive': source('src/archive/index.ts'),
  'daybook/live': source('src/live/index.ts'),
  'daybook/hooks': source('src/hooks/contract/index.ts'),
  'daybook/react': source('src/hooks/react/index.ts'),
  'daybook/preact': source('src/hooks/preact/index.ts'),
  'daybook/vue': source('src/hooks/vue/index.ts'),
  'daybook/svelte': source('src/hooks/svelte/index.ts'),
  'daybook/solid': source('src/hooks/solid/index.ts'),
  'daybook/angular': source('src/hooks/angular/index.ts'),
  'daybook/states': source('src/states/index.ts'),
  'daybook/operations': source('src/operations/index.ts'),
  'daybook/migrations': source('src/migrations/index.ts'),
  'daybook/postgres': source('src/persistence/postgres/index.ts'),
  'daybook/durable-object': source('src/durable-object/index.ts'),
  'daybook/d1': source('src/d1/index.ts'),
  'daybook/hub': source('src/hub/index.ts'),
  'daybook/mongodb': source('src/mongodb/index.ts'),
  'daybook/server': source('src/server/index.ts'),
  'daybook/node': source('src/server/hosts/index.ts'),
  'daybook/testing': source('src/testing/index.ts'),
  daybook: source('src/index.ts'),
};

export default defineConfig({
  test: {
    // One worker, which is what two processors get by default, leaves one of them idle.
    maxWorkers: 2,
    projects: [
      {
        plugins: [compileDecorators()],
        resolve: { alias: SOURCE_ALIASES },
        test: {
          name: 'node',
          // For property tests on a loaded machine, and engines that are started there; what hangs says so by its own limits.
          testTimeout: 30_000,
          hookTimeout: 60_000,
          expect: PATIENT_EXPECT,
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**', 'test/e2e/**', 'test/workerd/**'],
          globalSetup: ['test/support/embedded-postgres-setup.ts'],
        },
      },
      {
        // The runtime of Cloudflare's Workers, from npm. Nothing is asked of the network.
        plugins: [
          cloudflareTest({ wrangler: { configPath: './test/workerd/wrangler.jsonc' }, miniflare: { cf: false } }),
        ],
        resolve: { alias: SOURCE_ALIASES },
        test: {
          name: 'workerd',
          testTimeout: 30_000,
          hookTimeout: 60_000,
          expect: PATIENT_EXPECT,
          include: ['test/workerd/**/*.test.ts'],
        },
      },
      {
        // Of the tests of hooks; without the settings of a project of Svelte.
        plugins: [compileDecorators(), svelte({ configFile: false })],
        // No alias: in a browser the published build is tested, worker, wasm and all, found as applications find it.
        // What it imports is named, because a dependency that Vite meets during a test reloads the page.
        optimizeDeps: {
          include: [
            ...['comlink', 'dequal', 'sql.js', 'standardwebhooks', 'uuid', 'valibot'],
            // Of a server in a page.
            ...[
              'hono',
              'hono/bearer-auth',
              'hono/cors',
              'hono/http-exception',
              'hono/route',
              'hono/utils/buffer',
              'jose',
            ],
            // What the tests of hooks are made of.
            ...['react', 'react-dom/client', 'react-dom/server', 'preact', 'preact/hooks', 'preact/compat'],
            ...['preact-render-to-string', 'vue', 'vue/server-renderer', 'solid-js', 'solid-js/h', 'solid-js/store'],
            ...['solid-js/web', '@angular/compiler', '@angular/core', '@angular/platform-browser'],
          ],
        },
        test: {
          name: 'browser',
          testTimeout: 30_000,
          hookTimeout: 60_000,
          expect: PATIENT_EXPECT,
          include: ['test/browser/**/*.test.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: BROWSER_NAMES.map((browser) => ({
              browser,
              provider: playwright({ launchOptions: browserLaunchOptions(browser) }),
            })),
          },
        },
      },
    ],
  },
});
