import { expectBooksHold } from './support/books-expectations.js';
import { expect } from './support/patient-expect.js';
import { StockPage } from './support/stock-page.js';
import { test } from './support/warehouse-test.js';

// Each round kills the server twice: before a push is recorded, and after.
const ROUNDS = 2;

test('a server that is killed in the middle of pushes loses nothing and doubles nothing, while counting goes on', async ({
  warehouse,
  launchDevice,
}) => {
  const { database, server, address } = warehouse;
  const stockPage = await StockPage.open((await launchDevice()).context, address);
  let counts = 0;
  const countMore = async (...skus: readonly string[]): Promise<void> => {
    await stockPage.countMore(...skus);
    counts += skus.length;
    await expect(stockPage.eventRows).toHaveCount(counts);
  };

  for (let round = 1; round <= ROUNDS; round++) {
    await test.step(`killed while a push waits to be written, round ${round}`, async () => {
      const before = await database.events();
      const hold = await database.holdTable();
      await countMore('CTN-4030', 'FLM-0500');
      await database.waitForHeldWriter();
      await countMore('CTN-4030');
      await server.kill();
      await countMore('FLM-0500');
      await hold.release();
      await database.waitForQuiet();
      // The statements reached PostgreSQL in one message, which it may carry out for a client that is gone: then all of
      // the push is there, with its units, or else nothing.
      const after = await database.events();
      const [inUnits = 0] = Object.values(await database.eventsOfReplicas());
      expect(after.slice(0, before.length)).toEqual(before);
      expect(inUnits).toBe(after.length);
      await server.start();
    });

    await test.step(`killed while a push is being committed, round ${round}`, async () => {
      await stockPage.sendImpatiently(counts);
      const before = await database.events();
      const hold = await database.holdCommits();
      await countMore('LBL-0A6S', 'CTN-4030');
      await database.waitForHeldWriter();
      await server.kill();
      await countMore('LBL-0A6S');
      await hold.release();
      await database.waitForQuiet();
      // Recorded, and nobody was told.
      expect((await database.events()).length).toBeGreaterThan(before.length);
      await expect(stockPage.badge).toContainText('on this device');
      await server.start();
    });
  }

  await stockPage.sendImpatiently(counts);
  await expectBooksHold(database, await stockPage.shownEvents());
});
