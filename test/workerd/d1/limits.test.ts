/** What does not fit into D1 is refused before anything is sent; what would not fit into one statement is split. */
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { D1_PARAMETERS_MAX, D1_ROW_BYTES_MAX, D1_STATEMENT_BYTES_MAX } from '../../../src/persistence/d1/d1-limits.js';
import { D1ProcessRecorder } from '../../../src/persistence/d1/d1-recorder.js';
import type { D1RecorderOptions } from '../../../src/persistence/d1/d1-recorder.js';
import { D1SnapshotStore } from '../../../src/persistence/d1/d1-snapshot-store.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { brokenD1 } from '../support/broken-d1.js';
import type { BrokenD1 } from '../support/broken-d1.js';
import { newTables, openEmptyD1 } from '../support/d1-context.js';

async function open(options: D1RecorderOptions = {}): Promise<{ recorder: D1ProcessRecorder; database: BrokenD1 }> {
  const tables = newTables();
  await openEmptyD1(tables);
  const database = brokenD1(env.D1);
  return { recorder: new D1ProcessRecorder(database, { ...tables, ...options }), database };
}

const text = (characters: string): Uint8Array => new TextEncoder().encode(characters);
// Beside state and topic.
const BESIDE = 84;
const LARGEST: readonly (readonly [string, (bytes: number) => Pick<StoredEvent, 'topic' | 'state'>])[] = [
  ['of bytes', (bytes) => ({ topic: 'a:B', state: new Uint8Array(bytes - 3).fill(255) })],
  ['of text', (bytes) => ({ topic: 'a:B', state: new Uint8Array(bytes - 3).fill(0x22) })],
  ['of a long topic', (bytes) => ({ topic: 'ä'.repeat(1_000), state: new Uint8Array(bytes - 2_000).fill(65) })],
];

test.each(LARGEST)(
  'the largest event %s is stored, and one that is larger refuses all of its call',
  async (_of, partsOf) => {
    const { recorder, database } = await open();
    const id = newOriginatorId();
    const largest = { originatorId: id, originatorVersion: 1, ...partsOf(D1_ROW_BYTES_MAX - BESIDE) };
    const larger = { originatorId: id, originatorVersion: 3, ...partsOf(D1_ROW_BYTES_MAX - BESIDE + 1) };
    await recorder.insertEvents([largest]);
    const sent = database.batches.length;
    await expect(recorder.insertEvents([sampleEvent(id, 2), larger])).rejects.toMatchObject({
      code: 'DATA_ERROR',
      details: { originatorId: id, originatorVersion: 3, rowBytes: 2_000_001, rowBytesMax: 2_000_000 },
    });
    expect(database.batches).toHaveLength(sent);
    const [stored, ...others] = await recorder.selectEvents(id);
    expect(others).toEqual([]);
    expect(stored?.topic).toBe(largest.topic);
    expect(await digest(stored?.state)).toBe(await digest(largest.state));
  },
);

async function digest(bytes: Uint8Array = new Uint8Array()): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return `${bytes.length} ${[...new Uint8Array(hash)].join(' ')}`;
}

test('a commit that is larger than a parameter is split, and is one batch', async () => {
  const { recorder, database } = await open();
  const id = newOriginatorId();
  const states = [
    ...Array.from({ length: 30 }, (_, at) => text(`"${'q'.repeat(60_000 + at)}"`)),
    // By itself larger than what goes together.
    new Uint8Array(900_000).fill(254),
    ...Array.from({ length: 3 }, () => text('{}')),
  ];
  const events = states.map((state, at) => ({ originatorId: id, originatorVersion: at + 1, topic: 'a:B', state }));
  const ids = await recorder.insertEvents(events, { tracking: { applicationName: 'up', notificationId: 7 } });
  expect(ids).toEqual(events.map((_event, at) => at + 1));
  // The tracking record, three times ten or eleven, the large one, and the rest.
  expect(database.batches).toEqual([6]);
  const stored = await recorder.selectNotifications({ start: 1, limit: 100 });
  expect(stored.map(({ originatorVersion }) => originatorVersion)).toEqual(ids);
  for (const [at, state] of states.entries()) expect(await digest(stored[at]?.state)).toBe(await digest(state));
});

test('more statements than an invocation may run are refused, and nothing is sent', async () => {
  const { recorder, database } = await open({ statementsMax: 2 });
  const id = newOriginatorId();
  const large = [1, 2, 3].map((version) => ({
    ...sampleEvent(id, version),
    state: new Uint8Array(900_000).fill(254),
  }));
  await expect(recorder.insertEvents(large)).rejects.toMatchObject({
    code: 'OPERATIONAL_ERROR',
    details: { reason: 'statement', statements: 3, statementsMax: 2 },
  });
  expect(database.batches).toEqual([]);
  await recorder.insertEvents(large.slice(0, 2));
  expect(database.batches).toEqual([2]);
});

describe('a statement of the caller', () => {
  const ofParameters = (count: number): [string, number[]] => [
    `SELECT ${Array.from({ length: count }, (_, at) => `$${at + 1} AS c${at}`).join(', ')}`,
    Array.from({ length: count }, () => 1),
  ];
  const ofLength = (bytes: number): string => `SELECT '${'ä'.repeat((bytes - 14) / 2)}' AS c`;

  test('has as many parameters, and as long a text, as D1 takes; what is more is refused', async () => {
    const { recorder } = await open();
    expect((await recorder.query(...ofParameters(D1_PARAMETERS_MAX))).rows).toHaveLength(1);
    expect((await recorder.query(ofLength(D1_STATEMENT_BYTES_MAX))).rows).toHaveLength(1);
    const refused = { code: 'OPERATIONAL_ERROR', details: { reason: 'statement' } };
    await expect(recorder.query(...ofParameters(D1_PARAMETERS_MAX + 1))).rejects.toMatchObject(refused);
    await expect(recorder.query(ofLength(D1_STATEMENT_BYTES_MAX + 2))).rejects.toMatchObject(refused);
  });

  test('takes nothing of the rest of its batch with it: all of it is refused', async () => {
    const { recorder, database } = await open();
    const text = `INSERT INTO ${recorder.tables.creations[1]?.name ?? ''} VALUES ($1, $2)`;
    const large = 'ä'.repeat(D1_ROW_BYTES_MAX / 2 + 1);
    const batch = recorder.batch([
      { text, values: ['a', 1] },
      { text, values: [large, 1] },
    ]);
    await expect(batch).rejects.toMatchObject({ code: 'DATA_ERROR', details: { rowBytes: 2_000_002 } });
    for (const value of [undefined, 5n]) {
      await expect(recorder.batch([{ text, values: ['a', value] }])).rejects.toMatchObject({
        code: 'PROGRAMMING_ERROR',
      });
    }
    expect(database.batches).toEqual([]);
    expect(await recorder.maxTrackingId('a')).toBe(0);
  });
});

test('a snapshot that is too large is refused, and one of bytes or of text comes back as it was', async () => {
  const { recorder } = await open();
  const store = new D1SnapshotStore({ recorder, table: newTables().eventsTable });
  await store.createTables();
  const snapshot = {
    ...{ originatorId: newOriginatorId(), originatorVersion: 1, eventId: 'e', aggregateType: 'A' },
    ...{ stateVersion: 1, takenAtMs: 1_767_225_600_000, state: new Uint8Array(D1_ROW_BYTES_MAX + 1).fill(254) },
  };
  await expect(store.upsert(snapshot)).rejects.toMatchObject({ code: 'DATA_ERROR' });
  expect(await store.select(snapshot.originatorId)).toBeUndefined();
  for (const [at, state] of [new Uint8Array([0, 1, 255]), text('{"a":"ä"}')].entries()) {
    await store.upsert({ ...snapshot, originatorVersion: at + 1, state });
    expect(await store.select(snapshot.originatorId)).toEqual({ ...snapshot, originatorVersion: at + 1, state });
  }
});
