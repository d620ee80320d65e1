import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RecorderTransaction } from '../../../src/persistence/recorder-transaction.js';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite-driver.js';
import type { SqliteDatabase } from '../../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteAggregateRecorder, SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { SQLITE_ENGINES } from '../../support/sqlite-engines.js';
import type { SqliteEngine } from '../../support/sqlite-engines.js';

const ENGINES = Object.entries(SQLITE_ENGINES);

describe.each(ENGINES)('transactions on %s', (_name, makeEngine) => {
  let engine: SqliteEngine;
  let database: SqliteDatabase;
  let recorder: SqliteProcessRecorder;

  beforeEach(async () => {
    engine = await makeEngine();
    database = await engine.connect();
    recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
  });
  afterEach(async () => {
    database.close();
    await engine.remove();
  });

  test('a snapshot recorder on the same connection takes part, and outside of it waits', async () => {
    const id = newOriginatorId();
    const snapshots = new SqliteAggregateRecorder(database);
    await snapshots.createTable();
    const waiting: Promise<unknown>[] = [];
    const failed = recorder.transaction(async (transaction) => {
      await transaction.insertEvents([sampleEvent(id, 1)]);
      const inner = new SqliteAggregateRecorder(transaction.connection);
      await inner.insertEvents([sampleEvent(id, 1)]);
      await expect(inner.insertEvents([sampleEvent(id, 2), sampleEvent(id, 1)])).rejects.toMatchObject({
        code: 'INTEGRITY_ERROR',
      });
      expect(await inner.selectEvents(id)).toHaveLength(1);
      waiting.push(snapshots.selectEvents(id));
      throw new RangeError('taken back');
    });
    await expect(failed).rejects.toThrow('taken back');
    expect(await waiting[0]).toEqual([]);
  });

  test('the lent connection ends with the transaction, statements included, and cannot be closed', async () => {
    const lent: SqliteDatabase[] = [];
    const statements = await recorder.transaction(async ({ connection }) => {
      lent.push(connection);
      expect(() => connection.close()).toThrow(expect.objectContaining({ code: 'INTERFACE_ERROR' }));
      connection.exec('CREATE TABLE own (value)');
      const statement = connection.prepare('SELECT count(*) FROM own');
      expect(statement.all([])).toEqual([[0]]);
      return [statement];
    });
    const ended = expect.objectContaining({ code: 'INTERFACE_ERROR' });
    expect(() => lent[0]?.exec('SELECT 1')).toThrow(ended);
    expect(() => lent[0]?.prepare('SELECT 1')).toThrow(ended);
    expect(() => statements[0]?.all([])).toThrow(ended);
    expect(() => statements[0]?.run([])).toThrow(ended);
    expect(database.prepare('SELECT count(*) FROM own').all([])).toEqual([[0]]);
  });

  test('a nested transaction that nobody awaited is finished before the commit', async () => {
    const id = newOriginatorId();
    await recorder.transaction(async (outer) => {
      void outer.transaction(async (inner) => {
        await inner.insertEvents([sampleEvent(id, 1)]);
        await new Promise((resolve) => setTimeout(resolve, 5));
        await inner.insertEvents([sampleEvent(id, 2)]);
      });
    });
    expect(await recorder.selectEvents(id)).toHaveLength(2);
  });

  test('a nested transaction that outlives a roll back is refused, and changes nothing afterwards', async () => {
    const id = newOriginatorId();
    const outcomes: Promise<unknown>[] = [];
    const outer = recorder.transaction(async (transaction) => {
      const nested = transaction.transaction(async (inner) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await inner.insertEvents([sampleEvent(id, 1)]);
      });
      outcomes.push(Promise.allSettled([nested, transaction.insertEvents([sampleEvent(id, 2)])]));
      throw new RangeError('taken back');
    });
    await expect(outer).rejects.toThrow('taken back');
    const refused = { status: 'rejected', reason: { code: 'INTERFACE_ERROR' } };
    expect(await outcomes[0]).toMatchObject([refused, refused]);
    expect(await recorder.insertEvents([sampleEvent(id, 3)])).toEqual([1]);
  });

  test('a failure of the commit itself takes everything back', async () => {
    const id = newOriginatorId();
    database.exec('PRAGMA foreign_keys = ON');
    database.exec('CREATE TABLE parent (id INTEGER PRIMARY KEY)');
    database.exec('CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)');
    const work = async (transaction: RecorderTransaction<SqliteDatabase>): Promise<void> => {
      await transaction.insertEvents([sampleEvent(id, 1)]);
      transaction.connection.exec('INSERT INTO child VALUES (7)');
    };
    await expect(recorder.transaction(work)).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    expect(await recorder.selectEvents(id)).toEqual([]);
    expect(await recorder.insertEvents([sampleEvent(id, 1)])).toEqual([1]);
  });
});

describe('waiting for a turn', () => {
  test('ends with an error that says why, when the recorder is called inside its own transaction', async () => {
    const database = await openNodeSqlite({ path: ':memory:', lockTimeoutMs: 20 });
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    const work = recorder.transaction(async () => {
      await recorder.maxNotificationId();
    });
    await expect(work).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'locked', lockTimeoutMs: 20 },
      message: expect.stringContaining('database is locked'),
    });
    expect(await recorder.maxNotificationId()).toBe(0);
    database.close();
  });
});
