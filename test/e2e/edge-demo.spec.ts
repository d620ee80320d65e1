/** The demo against Cloudflare's runtime: two profiles count, and what they counted outlives the runtime. */
import { test as base } from '@playwright/test';
import { rm } from 'node:fs/promises';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { DemoServer } from './support/demo-server.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';

const test = base.extend<{ readonly edge: DemoServer }>({
  edge: async ({}, use) => {
    const { path } = await makeTemporaryFolder();
    const server = await DemoServer.startEdge(path);
    await use(server);
    await server.stop();
    await rm(path, { recursive: true });
  },
});

test('two profiles see each other’s counts over WebSockets, and find them again after the runtime was ended and begun', async ({
  edge,
  browser,
}) => {
  const open = async (): Promise<StockPage> => await StockPage.open(await browser.newContext(), { pageUrl: edge.url });
  const ana = await open();
  const ben = await open();
  await ana.countAs('Ana');
  await ben.countAs('Ben');
  await ana.enterCount('BLT-0840', 34);
  await expect(ben.quantity('BLT-0840')).toHaveValue('34');
  await ben.enterCount('GLV-000L', 63);
  await expect(ana.quantity('GLV-000L')).toHaveValue('63');
  await expect(ana.page.getByTestId('sync-state')).toHaveText('Live');
  await expect(ana.rowsIn('books')).toHaveCount(1);
  await expect(ana.page.locator('.panel-books')).toContainText('Durable Object');

  await edge.stop('SIGINT');
  expect(edge.exitCode).toBe(0);
  await ana.enterCount('BLT-0840', 35);
  await edge.start();
  await expect(ben.quantity('BLT-0840')).toHaveValue('35');
  const cleo = await open();
  await expect(cleo.quantity('BLT-0840')).toHaveValue('35');
  await expect(cleo.quantity('GLV-000L')).toHaveValue('63');
  await expect(ana.badge).toHaveText('All in the warehouse’s books');
  // What an application wrote to its console would be here.
  expect(edge.errors).toBe('');
});
