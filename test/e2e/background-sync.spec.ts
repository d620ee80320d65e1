import type { CDPSession } from '@playwright/test';
import { expect } from './support/patient-expect.js';
import { test, told } from './support/service-worker-test.js';

const ITEMS = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002'] as const;

/** Learns the registration of a site's service worker. */
async function registrationOf(session: CDPSession, siteUrl: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
    const found = registrations.find(({ scopeURL }) => scopeURL === `${siteUrl}/`);
    if (found !== undefined) resolve(found.registrationId);
  });
  await session.send('ServiceWorker.enable');
  return await promise;
}

test('what was recorded without a network is sent when the browser finds one, though no page is open', async ({
  shop,
  context,
}) => {
  const { database, siteUrl } = shop;
  const page = await shop.openPage();
  for (const [index, item] of ITEMS.entries()) await told(page, `record('${item}', 1, ${index})`);
  await told(page, `record('${ITEMS[0]}', 2, 7)`);
  const other = await context.newPage();
  const session = await context.newCDPSession(other);
  const registrationId = await registrationOf(session, siteUrl);
  await page.close();
  expect(await database.events()).toEqual([]);

  // What the browser does when the network is back, for a page that has registered it.
  await session.send('ServiceWorker.dispatchSyncEvent', {
    ...{ origin: siteUrl, registrationId, tag: 'daybook', lastChance: false },
  });
  await expect.poll(async () => (await database.events()).length).toBe(3);
  const sent = await database.events();
  expect(sent.map(({ originatorId, originatorVersion, data }) => [originatorId, originatorVersion, data])).toEqual([
    [ITEMS[0], 1, { quantity: 0 }],
    [ITEMS[1], 1, { quantity: 1 }],
    [ITEMS[0], 2, { quantity: 7 }],
  ]);

  // A page confirms: what was sent is sent once more, and is there once.
  const again = await shop.openPage();
  // Not the store itself, which cannot leave the page.
  await told(again, '{ await open(); }');
  expect(await told(again, 'store.recorder.syncProgress()')).toMatchObject({ pendingUnits: 3, position: 0 });
  await told(again, 'startSyncing()');
  await expect.poll(() => told(again, 'syncStatus()')).toMatchObject({ state: 'live', pending: 0, setAside: 0 });
  expect(await database.events()).toEqual(sent);
  expect(Object.values(await database.eventsOfReplicas())).toEqual([3]);
});
