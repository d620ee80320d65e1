/** What does not fit into a Durable Object is refused before anything is stored; what would not fit into one statement is split. */
import { expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { OBJECT_ROW_BYTES_MAX } from '../../../src/persistence/durable-object/object-limits.js';
import { openObjectRecorder } from '../../../src/persistence/durable-object/object-recorder.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import type { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { SqlStateStore } from '../../../src/states/sql-state-store.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { thingState } from '../../../src/testing/conformance/state-samples.js';
import { newObject } from '../support/object-context.js';

async function inRecorder<T>(work: (recorder: SqliteProcessRecorder) => Promise<T>): Promise<T> {
  const place = newObject();
  return await place.within(async () => await work(await openObjectRecorder(place.storage)));
}

test.each([
  ['of bytes', (bytes: number) => ({ topic: 'a:B', state: new Uint8Array(bytes - 3) })],
  ['of a long topic', (bytes: number) => ({ topic: 'ä'.repeat(1_000), state: new Uint8Array(bytes - 2_000) })],
])('the largest event %s is stored, and one that is larger refuses all of its call', async (_of, partsOf) => {
  await inRecorder(async (recorder) => {
    const [id, beside] = [newOriginatorId(), 64];
    const largest = { originatorId: id, originatorVersion: 1, ...partsOf(OBJECT_ROW_BYTES_MAX - beside) };
    const larger = { originatorId: id, originatorVersion: 3, ...partsOf(OBJECT_ROW_BYTES_MAX - beside + 1) };
    await recorder.insertEvents([largest]);
    const details = { originatorId: id, originatorVersion: 3, rowBytes: 2_000_001, rowBytesMax: 2_000_000 };
    await expect(recorder.insertEvents([sampleEvent(id, 2), larger])).rejects.toMatchObject({
      code: 'DATA_ERROR',
      details,
    });
    const inTransaction = recorder.transaction(async (transaction) => {
      await transaction.insertEvents([sampleEvent(id, 2)]);
      await transaction.insertEvents([larger]);
    });
    await expect(inTransaction).rejects.toMatchObject({ code: 'DATA_ERROR', details });
    expect(await recorder.selectEvents(id)).toEqual([largest]);
  });
});

test('a value of SQL, a document and a snapshot that are too large are refused, and nothing of their transaction is stored', async () => {
  await inRecorder(async (recorder) => {
    await recorder.query('CREATE TABLE own (value)');
    const refused = { code: 'DATA_ERROR', details: { rowBytesMax: OBJECT_ROW_BYTES_MAX } };
    for (const value of ['x'.repeat(OBJECT_ROW_BYTES_MAX + 1), new Uint8Array(OBJECT_ROW_BYTES_MAX + 1)]) {
      const work = recorder.transaction(async ({ connection }) => {
        await connection.query(`INSERT INTO own (value) VALUES ('before')`);
        await connection.query('INSERT INTO own (value) VALUES ($1)', [value]);
      });
      await expect(work).rejects.toMatchObject(refused);
    }
    // The text is as long as a row may be, and takes more bytes.
    const text = 'ä'.repeat(OBJECT_ROW_BYTES_MAX / 2 + 1);
    await expect(recorder.query('INSERT INTO own (value) VALUES ($1)', [text])).rejects.toMatchObject(refused);
    await recorder.query('INSERT INTO own (value) VALUES ($1)', ['ä'.repeat(OBJECT_ROW_BYTES_MAX / 2)]);
    expect((await recorder.query('SELECT length(value) AS n FROM own')).rows).toEqual([
      { n: OBJECT_ROW_BYTES_MAX / 2 },
    ]);

    const things = thingState();
    const states = new SqlStateStore({ recorder, states: [things] });
    await states.setUp();
    await expect(
      states.put(things, 'large', { name: 'x'.repeat(OBJECT_ROW_BYTES_MAX), quantity: 1 }),
    ).rejects.toMatchObject(refused);
    expect(await states.count(things)).toBe(0);

    const snapshots = new SqlSnapshotStore({ recorder });
    await snapshots.createTables();
    const id = newOriginatorId();
    const snapshot = {
      originatorId: id,
      originatorVersion: 1,
      eventId: 'e',
      aggregateType: 'A',
      stateVersion: 1,
      state: new Uint8Array(OBJECT_ROW_BYTES_MAX + 1),
      takenAtMs: 0,
    };
    await expect(snapshots.upsert(snapshot)).rejects.toMatchObject(refused);
    expect(await snapshots.select(id)).toBeUndefined();
  });
});

test('a statement that is too long is refused, as one that can never work', async () => {
  await inRecorder(async (recorder) => {
    await expect(recorder.query(`SELECT 1 -- ${'x'.repeat(100_000)}`)).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'statement' },
    });
  });
});

test('what stands beside many events goes in by as many statements as it takes', async () => {
  await inRecorder(async (recorder) => {
    const [outbox, index] = [new SqlOutbox({ recorder }), new SqlEventIndex({ recorder })];
    await outbox.createTables();
    await index.createTables();
    const app = new Application({ recorder, aggregates: [stockItem], inline: [outbox, index] });
    const id = newOriginatorId();
    const EVENTS = 250;
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1, times: EVENTS } });
    expect(await outbox.counts()).toEqual({ pending: EVENTS, published: 0, failed: 0 });
    expect((await recorder.query('SELECT count(*) AS n FROM event_index')).rows).toEqual([{ n: EVENTS }]);
  });
});
