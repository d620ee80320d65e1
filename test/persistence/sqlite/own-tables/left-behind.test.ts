import { describe, expect, test } from 'vitest';
import type { RecorderTransaction } from '../../../../src/persistence/recorder-transaction.js';
import { openSqlJs } from '../../../../src/persistence/sqlite/sqljs-driver.js';
import { SqliteProcessRecorder } from '../../../../src/persistence/sqlite/sqlite-recorder.js';
import type { SqlQueryable } from '../../../../src/persistence/sql/sql-queryable.js';
import { newOriginatorId, sampleEvent } from '../../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../../src/testing/manual-clock.js';
import { openTab } from '../../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../../support/own-tables-tab.js';
import { SharedJournal } from '../../../support/shared-journal.js';
import { dumpTables } from '../../../support/table-dump.js';

type Transaction = RecorderTransaction<SqlQueryable>;

async function openWithTable(): Promise<OwnTablesTab & { readonly journal: SharedJournal }> {
  const journal = new SharedJournal();
  const tab = await openTab(journal);
  await tab.recorder.transaction(({ connection }) => connection.query('CREATE TABLE own (a)'));
  return { ...tab, journal };
}

/** Calls again as soon as a call has settled, so that no step between two others is without one. */
async function callOn(call: () => unknown): Promise<void> {
  for (let calls = 0; calls < 200; calls++) await call();
}

/** What is begun and not awaited, of every kind. */
function leaveBehind(transaction: Transaction): readonly Promise<unknown>[] {
  return [
    callOn(() => transaction.connection.query('INSERT INTO own VALUES (1)')),
    callOn(() => transaction.insertEvents([sampleEvent(newOriginatorId(), 1)])),
    callOn(() => transaction.transaction((inner) => inner.connection.query('INSERT INTO own VALUES (2)'))),
  ];
}

describe('calls that nobody awaited', () => {
  test('write nothing after the transaction was taken back', async () => {
    const { recorder, database, journal } = await openWithTable();
    const before = dumpTables(database);
    const left: Promise<unknown>[] = [];
    const work = recorder.transaction(async (transaction) => {
      left.push(...leaveBehind(transaction));
      await transaction.connection.query('SELECT 1');
      throw new RangeError('taken back');
    });
    await expect(work).rejects.toThrow('taken back');
    const outcomes = await Promise.allSettled(left);
    expect(outcomes).toMatchObject(Array(3).fill({ status: 'rejected', reason: { code: 'INTERFACE_ERROR' } }));
    expect(dumpTables(database)).toBe(before);
    expect(journal.records).toHaveLength(1);
  });

  test('write nothing after the store was closed in the middle', async () => {
    const { recorder, database } = await openWithTable();
    const before = dumpTables(database);
    const left: Promise<unknown>[] = [];
    const work = recorder.transaction(async (transaction) => {
      left.push(...leaveBehind(transaction), recorder.close());
      await new Promise(() => undefined);
    });
    await expect(work).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    await Promise.allSettled(left);
    expect(dumpTables(database)).toBe(before);
  });

  test('in the tables are those that are in the journal, and no others, when the work resolved', async () => {
    const { recorder, database, journal } = await openWithTable();
    const left: Promise<unknown>[] = [];
    await recorder.transaction(async (transaction) => {
      left.push(...leaveBehind(transaction));
      await transaction.connection.query('SELECT 1');
    });
    await Promise.allSettled(left);
    await recorder.query('SELECT 1');
    expect(dumpTables(database)).toBe(dumpTables((await openTab(journal)).database));
  });

  test('of a savepoint write nothing into the transaction around it', async () => {
    const { recorder } = await openWithTable();
    const left: Promise<unknown>[] = [];
    await recorder.transaction(async (transaction) => {
      const inner = transaction.transaction(async (savepoint) => {
        left.push(...leaveBehind(savepoint));
        await savepoint.connection.query('SELECT 1');
        throw new RangeError('taken back');
      });
      await expect(inner).rejects.toThrow('taken back');
    });
    await Promise.allSettled(left);
    expect((await recorder.query('SELECT * FROM own')).rows).toEqual([]);
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  test.each(['taken back', 'resolved'])('write nothing by a connection whose transaction was %s', async (end) => {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    database.exec('CREATE TABLE own (a)');
    const left: Promise<unknown>[] = [];
    let whenWorkEnds = 0;
    const count = (): number => database.prepare('SELECT count(*) FROM own').all([])[0]?.[0] as number;
    const work = recorder.transaction(async ({ connection }) => {
      left.push(callOn(() => connection.exec('INSERT INTO own VALUES (1)')));
      for (let steps = 0; steps < 5; steps++) await Promise.resolve();
      whenWorkEnds = count();
      if (end === 'taken back') throw new RangeError(end);
    });
    await work.catch(() => undefined);
    await Promise.allSettled(left);
    const committed = count();
    if (end === 'taken back') expect(committed).toBe(0);
    // Those that came before the commit.
    else expect(committed).toBeGreaterThanOrEqual(whenWorkEnds);
    expect(committed).toBeLessThan(100);
    database.close();
  });
});

test('closing ends a transaction that is just about to begin', async () => {
  const { recorder, journal } = await openWithTable();
  let closed: Promise<void> | undefined;
  // While the transaction catches up.
  journal.beforeRequest = async () => {
    closed ??= recorder.close();
  };
  const work = recorder.transaction(async ({ connection }) => {
    await connection.query('INSERT INTO own VALUES (1)');
    await new Promise(() => undefined);
  });
  await expect(work).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  await closed;
  expect(journal.records).toHaveLength(1);
});

test('a clock that is set back does not keep a silent transaction open', async () => {
  const clock = new ManualClock();
  const { recorder } = await openTab(new SharedJournal(), clock);
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const work = recorder.transaction(async () => {
    begin();
    await new Promise(() => undefined);
  });
  const outcome = expect(work).rejects.toMatchObject({ details: { reason: 'idle' } });
  await begun;
  // An hour earlier, when the time for the first look has come.
  const shown = clock.nowMs.bind(clock);
  clock.nowMs = () => shown() - 3_600_000;
  clock.advance(10_000);
  clock.advance(10_000);
  await outcome;
});
