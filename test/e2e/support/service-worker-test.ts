/**
 * Playwright's `test` with a page that has a service worker, which can push its store, and a server on PostgreSQL.
 *
 * @module
 */
import { test as base } from '@playwright/test';
import type { BrowserContext, Page } from '@playwright/test';
import { startNodeHost } from '../../../src/server/hosts/node-host.js';
import type { NodeHost } from '../../../src/server/hosts/node-host.js';
import { serveBareSite } from './bare-site.js';
import { BooksDatabase } from './books-database.js';
import { startBooksPostgres } from './books-postgres.js';

const TOKEN = 'let-me-in';

const WORKER_CODE = `import { pushPending } from './dist/service-worker.js';
  const url = new URL(location.href).searchParams.get('sync');
  const push = (options) =>
    pushPending({ name: 'stock', url, getToken: () => '${TOKEN}', wasmUrl: '/sql-wasm.wasm', ...options });
  addEventListener('install', () => skipWaiting());
  addEventListener('activate', (event) => event.waitUntil(clients.claim()));
  addEventListener('sync', (event) => {
    if (event.tag === 'daybook') event.waitUntil(push({}));
  });
  addEventListener('message', (event) => {
    const [port] = event.ports;
    const refused = ({ code, message }) => port.postMessage({ code, message });
    event.waitUntil(push(event.data).then((result) => port.postMessage(result), refused));
  });`;

/** What there is on the page: the library's exports, and these. */
const pageCode = (syncUrl: string): string => `
  window.open = async () => (window.store ??= await daybook.openDaybook({ name: 'stock' }));
  window.record = async (originatorId, originatorVersion, quantity) => {
    const state = new TextEncoder().encode(JSON.stringify({ quantity }));
    await (await open()).recorder.insertEvents([{ originatorId, originatorVersion, topic: 'Counted', state }]);
  };
  window.startSyncing = async (options = {}) => {
    window.sync = daybook.startSync({ store: await open(), url: ${JSON.stringify(syncUrl)}, getToken: () => '${TOKEN}', ...options });
  };
  window.syncStatus = () => (({ state, pending, setAside }) => ({ state, pending, setAside }))(sync.status.value);
  window.push = (options) => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    navigator.serviceWorker.controller.postMessage(options, [port2]);
  });`;

/** A shop with one device. */
export interface Shop {
  readonly database: BooksDatabase;
  readonly host: NodeHost;
  readonly siteUrl: string;
  /** Opens the page, with its service worker in charge of it. */
  openPage(context?: BrowserContext): Promise<Page>;
}

/** Runs an expression in the page. */
export async function told<T>(page: Page, expression: string): Promise<T> {
  return await page.evaluate<T>(`(async () => ${expression})()`);
}

/** The `test` of files about service workers. */
export const test = base.extend<{ readonly shop: Shop }, { readonly postgresUrl: string }>({
  postgresUrl: [
    // Playwright reads the names of the fixtures out of the pattern, which has to be there.
    async ({}, use) => {
      const postgres = await startBooksPostgres();
      await use(postgres.url);
      await postgres.close();
    },
    { scope: 'worker' },
  ],
  shop: async ({ postgresUrl, context: ownContext }, use) => {
    const database = await BooksDatabase.create(postgresUrl);
    const site = await serveBareSite({ scripts: { 'sw.js': WORKER_CODE } });
    const host = await startNodeHost({
      ...{ databaseUrl: database.url, port: 0, tokens: [TOKEN], applicationName: 'stockcount' },
      corsOrigins: [site.url],
    });
    const openPage = async (context: BrowserContext = ownContext): Promise<Page> => {
      const page = await context.newPage();
      await page.goto(site.url);
      await page.evaluate(pageCode(host.url));
      await told(page, `navigator.serviceWorker.register('/sw.js?sync=${encodeURIComponent(host.url)}')`);
      await page.waitForFunction('navigator.serviceWorker.controller?.state === "activated"');
      return page;
    };
    await use({ database, host, siteUrl: site.url, openPage });
    await site[Symbol.asyncDispose]();
    await host.close();
    await database.close();
  },
});
