/** Files of events in a browser: into the store of a tab, out of it, and to the engines of servers by its SQLite file. */
import { openDaybook } from 'daybook';
import { openSqlJs, SqliteProcessRecorder } from 'daybook/sqlite';
import { eventTransferCases, newOriginatorId, sampleEvents } from 'daybook/testing';
import { exportEvents, hashEvents, importEvents } from 'daybook/transfer';
import { expect, test } from 'vitest';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName, openStore } from './open-store.js';

const wasmUrl = new URL('../../dist/sql-wasm.wasm', import.meta.url).href;

describeConformance(
  'the durable store in its worker, through Comlink',
  async () =>
    Promise.resolve({
      context: {
        openEmpty: async () => {
          const daybook = await openDaybook({ name: newStoreName() });
          return { recorder: daybook.recorder, close: () => daybook.close() };
        },
      },
    }),
  { 'files of events': eventTransferCases },
);

test('a store’s file of SQLite is a store of SQLite, with the same hash; what comes back is seen by every tab', async () => {
  const name = newStoreName();
  const [mine, other] = [await openStore(name), await openStore(name)];
  for (let count = 0; count < 4; count++) {
    await mine.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 150));
  }
  const { hash } = await hashEvents(mine.recorder);
  const image = new Uint8Array(await new Response(mine.storage.export({ format: 'sqlite' })).arrayBuffer());
  const database = await openSqlJs({ wasmUrl });
  database.restore(image);
  const sqlite = new SqliteProcessRecorder(database);
  expect(await hashEvents(sqlite)).toMatchObject({ events: 600, hash });
  await sqlite.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
  const target = await openStore(newStoreName());
  const response = new Response(exportEvents(sqlite));
  expect(await importEvents(target.recorder, response.body!)).toMatchObject({ events: 603, stored: 603, moved: 0 });
  expect((await hashEvents(target.recorder)).hash).toBe((await hashEvents(sqlite)).hash);
  expect(await hashEvents(other.recorder)).toMatchObject({ events: 600, hash });
  // Not into a store that somebody else has filled meanwhile with something else in the same places, and nothing of it twice.
  expect(await importEvents(other.recorder, exportEvents(target.recorder))).toMatchObject({ events: 603, stored: 3 });
  await expect.poll(async () => (await hashEvents(mine.recorder)).events, { timeout: 10_000 }).toBe(603);
});
