/** At which positions events come, and what of a table a file has no place for. */
import { expect, test } from 'vitest';
import type { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import { exportEvents, hashEvents, importEvents } from '../../src/transfer/index.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';
import { TRANSFER_ENGINES } from '../support/transfer-engines.js';

const KEEPING = ['SQLite on sql.js', 'node:sqlite, file (WAL)', 'node:sqlite, transactions as callbacks', 'PostgreSQL'];

/** Positions 1 to 3, 7 to 9, 11, 12: what rolled back has left gaps. */
async function gapped(): Promise<{ readonly recorder: PostgresProcessRecorder; close(): Promise<void> }> {
  const { recorder, close } = await openPostgres();
  const rollBack = async (count: number): Promise<void> => {
    const work = recorder.transaction(async (transaction) => {
      await transaction.insertEvents(makeEvents(count));
      throw new Error('rolled back');
    });
    await expect(work).rejects.toThrow('rolled back');
  };
  await recorder.insertEvents(makeEvents(3));
  await rollBack(3);
  await recorder.insertEvents(makeEvents(3));
  await rollBack(1);
  await recorder.insertEvents(makeEvents(2));
  return { recorder, close };
}

const GAPPED = [1, 2, 3, 7, 8, 9, 11, 12];

async function idsOf(recorder: ProcessRecorder): Promise<readonly number[]> {
  return (await recorder.selectNotifications({ start: 1, limit: 1_000 })).map(({ id }) => id);
}

test.each(KEEPING)('%s: an empty store keeps the positions, gaps and all, and goes on behind them', async (name) => {
  await using ends = new AsyncDisposableStack();
  const source = await gapped();
  ends.defer(() => source.close());
  const target = await TRANSFER_ENGINES[name]!();
  ends.defer(() => target.close());
  expect(await idsOf(source.recorder)).toEqual(GAPPED);
  expect(await importEvents(target.recorder, exportEvents(source.recorder))).toMatchObject({ stored: 8, moved: 0 });
  expect(await idsOf(target.recorder)).toEqual(GAPPED);
  expect(await target.recorder.insertEvents(makeEvents(1))).toEqual([13]);
  // What comes to events that are there comes behind them.
  const { recorder } = source;
  await recorder.insertEvents(makeEvents(3));
  expect(await importEvents(target.recorder, exportEvents(recorder))).toMatchObject({
    stored: 3,
    moved: 3,
    events: 11,
  });
  expect(await idsOf(target.recorder)).toEqual([...GAPPED, 13, 14, 15, 16]);
});

test.each(['memory', 'PostgreSQL, a table of many tenants', 'a device’s store, journal in memory'])(
  '%s: gives positions of its own, and says so',
  async (name) => {
    await using ends = new AsyncDisposableStack();
    const source = await gapped();
    ends.defer(() => source.close());
    const target = await TRANSFER_ENGINES[name]!();
    ends.defer(() => target.close());
    const imported = await importEvents(target.recorder, exportEvents(source.recorder));
    expect(imported).toMatchObject({ stored: 8, moved: 5, position: 12 });
    expect(await idsOf(target.recorder)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect((await hashEvents(target.recorder)).hash).toBe(imported.hash);
  },
);

test('PostgreSQL: positions that an import took and rolled back are kept the next time', async () => {
  await using target = await openPostgres();
  const source = await gapped();
  const file = await new Response(exportEvents(source.recorder)).blob();
  await source.close();
  const { recorder, pool } = target;
  const { eventsTable } = recorder.dialect.log!;
  await pool.query(`CREATE FUNCTION ${target.name}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$`);
  await pool.query(`CREATE TRIGGER refuse AFTER INSERT ON ${eventsTable} FOR EACH ROW WHEN (new.notification_id = 9)
    EXECUTE FUNCTION ${target.name}_refuse()`);
  await expect(importEvents(recorder, file)).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  expect(await idsOf(recorder)).toEqual([]);
  await pool.query(`DROP TRIGGER refuse ON ${eventsTable}`);
  expect(await importEvents(recorder, file)).toMatchObject({ stored: 8, moved: 0 });
  expect(await idsOf(recorder)).toEqual(GAPPED);
});

test('PostgreSQL: what Python’s columns have is not left behind unasked', async () => {
  await using postgres = await openPostgres();
  const recorder = await postgres.make({ layout: '10' });
  await recorder.insertEvents(makeEvents(2));
  const { eventsTable } = recorder.dialect.log!;
  expect(await new Response(exportEvents(recorder)).text()).toContain('"end":true');
  await postgres.pool.query(`UPDATE ${eventsTable} SET metadata = '{"a": "b"}' WHERE notification_id = 2`);
  await expect(new Response(exportEvents(recorder)).text()).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    details: { reason: 'columns', columns: 'event_id, metadata' },
  });
  expect(await new Response(exportEvents(recorder, { columns: 'leave' })).text()).toContain('"end":true');
});

test('a store that is closed, a position that is none, and a recorder that cannot be followed are refused', async () => {
  const { recorder } = await TRANSFER_ENGINES['memory']!();
  const read = async (options: Parameters<typeof exportEvents>[1]): Promise<string> =>
    await new Response(exportEvents(recorder, options)).text();
  for (const options of [{ after: -1 }, { upTo: 1.5 }, { after: 1, resume: { events: 1, position: 1, hash: '' } }]) {
    await expect(read(options)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  }
  await expect(importEvents({ ...recorder, supports: {} }, new Blob())).rejects.toMatchObject({
    code: 'PROGRAMMING_ERROR',
  });
});
