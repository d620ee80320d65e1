/**
 * Playwright's `test` with a warehouse: PostgreSQL, the demo's server and a network with faults, and as many devices as
 * a test asks for.
 *
 * @module
 */
import { test as base } from '@playwright/test';
import { BooksDatabase } from './books-database.js';
import { startBooksPostgres } from './books-postgres.js';
import { DemoServer } from './demo-server.js';
import { FaultProxy } from './fault-proxy.js';
import { ProfileBrowser } from './profile-browser.js';

/** Where the counts go. */
export interface Warehouse {
  readonly database: BooksDatabase;
  readonly server: DemoServer;
  readonly proxy: FaultProxy;
  /** The page at the server, with its sync through the proxy. */
  readonly address: { readonly pageUrl: string; readonly syncUrl: string };
}

interface TestFixtures {
  readonly warehouse: Warehouse;
  /** Starts a browser of the project's kind, on an empty profile. It is closed after the test. */
  readonly launchDevice: () => Promise<ProfileBrowser>;
}

interface WorkerFixtures {
  readonly postgresUrl: string;
}

/** The `test` of every file here. */
export const test = base.extend<TestFixtures, WorkerFixtures>({
  postgresUrl: [
    // Playwright reads the names of the fixtures out of the pattern, which has to be there.
    async ({}, use) => {
      const postgres = await startBooksPostgres();
      await use(postgres.url);
      await postgres.close();
    },
    { scope: 'worker' },
  ],
  warehouse: async ({ postgresUrl }, use, testInfo) => {
    const database = await BooksDatabase.create(postgresUrl);
    const server = await DemoServer.start(database.url);
    const proxy = await FaultProxy.start(() => server.url);
    await use({ database, server, proxy, address: { pageUrl: server.url, syncUrl: proxy.url } });
    if (testInfo.status !== testInfo.expectedStatus) {
      const pushes = proxy.pushes.map(({ fault, status, body }) => ({ fault, status, bodyStart: body.slice(0, 80) }));
      await testInfo.attach('network', { body: JSON.stringify(pushes, undefined, 1), contentType: 'application/json' });
      await testInfo.attach('server-errors', { body: server.errors, contentType: 'text/plain' });
    }
    await proxy.down();
    await server.stop();
    await database.close();
  },
  launchDevice: async ({ browserName }, use, testInfo) => {
    if (browserName === 'webkit') throw new Error('There is no WebKit among the browsers that are tested.');
    const devices: ProfileBrowser[] = [];
    await use(async () => {
      const device = await ProfileBrowser.launch(browserName);
      devices.push(device);
      return device;
    });
    for (const [index, device] of devices.entries()) {
      if (testInfo.status !== testInfo.expectedStatus) {
        for (const [tab, body] of (await device.screenshots()).entries()) {
          await testInfo.attach(`device-${index + 1}-tab-${tab + 1}`, { body, contentType: 'image/png' });
        }
      }
      await device.close();
    }
  },
});
