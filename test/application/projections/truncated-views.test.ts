/** Views of a store that confirmed history leaves: none is overtaken, and what cannot be made any more says so. */
import { expect, test } from 'vitest';
import { topicsOfTypes } from '../../../src/application/events/event-origin.js';
import { MemoryProjectionStore } from '../../../src/application/projections/memory-projection-store.js';
import { memoryProjection } from '../../../src/application/projections/projection.js';
import type { SqlProjection } from '../../../src/application/projections/projection.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { historyDigest } from '../../../src/persistence/history-digest.js';
import type { HistoryQuestion } from '../../../src/persistence/history-digest.js';
import type { NotificationId, StoredEvent } from '../../../src/persistence/stored-event.js';
import type { TruncatedHistory } from '../../../src/application/aggregates/history-truncation.js';
import { first, openScene, receive, shelf } from '../../support/truncated-store.js';
import type { Quantity, Scene } from '../../support/truncated-store.js';

const received: SqlProjection<'received'> = {
  name: 'received',
  topics: topicsOfTypes('received', ['Received'], [shelf]),
  tables: { received: (table) => `CREATE TABLE ${table} (id TEXT PRIMARY KEY, quantity INTEGER NOT NULL)` },
  handle: async ({ originatorId, data }, { query, tables }) => {
    const { quantity } = data as Quantity;
    await query(
      `INSERT INTO ${tables.received} VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET quantity = quantity + excluded.quantity`,
      [originatorId, quantity],
    );
  },
};

const RECEIVED = { kind: 'projection', name: 'received' } as const;

const summed = memoryProjection({
  name: 'summed',
  from: [shelf],
  initialState: () => 0,
  on: { Received: (sum, { data }) => sum + data.quantity },
});

const sumOf = async ({ tab }: Scene): Promise<unknown> =>
  (await tab.recorder.query('SELECT sum(quantity) AS sum FROM received')).rows[0]?.['sum'];

/** By a server that has what the store has. */
async function truncate(
  { app, tab }: Scene,
  options: Partial<Parameters<typeof app.truncateHistory>[0]> = {},
): Promise<TruncatedHistory> {
  const digests = async (questions: readonly HistoryQuestion[]): Promise<readonly string[]> =>
    await Promise.all(
      questions.map(async ({ originatorId, after, digest, upTo }) =>
        historyDigest(await tab.recorder.selectEvents(originatorId, { gt: after, lte: upTo }), digest),
      ),
    );
  return await app.truncateHistory({ digests, keepMs: 0, ...options });
}

/** What is pending is confirmed, and somebody has gone on from it. */
async function confirmPending({ tab, log }: Scene): Promise<void> {
  const pending = await tab.recorder.selectPendingUnits(0, { eventsMax: 100, bytesMax: 1e6 });
  const [own] = pending.at(-1)?.events ?? [];
  const next = own === undefined ? [] : [{ events: [{ ...own, originatorVersion: own.originatorVersion + 1 }] }];
  await tab.recorder.insertPage(log.next(...pending.map(({ id, events }) => ({ id, events })), ...next));
}

async function lastId({ tab }: Scene): Promise<NotificationId> {
  return await tab.recorder.maxNotificationId();
}

test('a view in the store holds back what it has not taken in, unless somebody says that it is abandoned', async () => {
  const scene = await openScene();
  const store = new SqlProjectionStore(scene.tab.recorder, received);
  await using runner = new ProjectionRunner({ projection: received, store, log: scene.app });
  await store.setUp();
  expect(await truncate(scene)).toMatchObject({ aggregates: [], heldBackBy: RECEIVED });
  await runner.catchUp();
  expect(await truncate(scene)).toMatchObject({ aggregates: [expect.anything(), expect.anything()] });
  expect(await sumOf(scene)).toBe(110);

  const other = await openScene();
  await new SqlProjectionStore(other.tab.recorder, received).setUp();
  expect(await truncate(other, { abandoned: [RECEIVED] })).toMatchObject({
    ...{ aggregates: [expect.anything(), expect.anything()], heldBackBy: undefined },
  });
});

test('a view that has an own event as pending is not overtaken when that is confirmed', async () => {
  const scene = await openScene();
  const store = new SqlProjectionStore(scene.tab.recorder, received);
  await using runner = new ProjectionRunner({ projection: received, store, log: scene.app });
  await scene.app.execute(shelf, first(scene), receive(5));
  await runner.catchUp();
  expect(await sumOf(scene)).toBe(115);
  await confirmPending(scene);
  // As far as it had taken in what was confirmed, and no farther.
  expect((await truncate(scene)).heldBackBy).toEqual(RECEIVED);
  expect((await scene.tab.recorder.selectBase(first(scene)))?.version).toBe(9);
  await runner.catchUp();
  expect(await sumOf(scene)).toBe(120);
  await truncate(scene);
  expect((await scene.tab.recorder.selectBase(first(scene)))?.version).toBe(11);
});

test('a view whose order has changed under it is made anew before anything leaves', async () => {
  const scene = await openScene();
  const { recorder } = scene.tab;
  const store = new SqlProjectionStore(recorder, received);
  await using runner = new ProjectionRunner({ projection: received, store, log: scene.app });
  await runner.catchUp();
  const { cursor } = await recorder.syncProgress();
  const [last] = await recorder.selectEvents(first(scene), { desc: true, limit: 1 });
  await recorder.insertPage(scene.log.next({ events: [{ ...(last as StoredEvent), originatorVersion: 11 }] }));
  // The server has lost the last one.
  expect(await recorder.rewind(cursor)).toBe(true);
  await recorder.endHeal({ rewinds: (await recorder.syncProgress()).rewinds, refused: [] });
  expect(await truncate(scene)).toMatchObject({ aggregates: [], heldBackBy: RECEIVED });
  await runner.catchUp();
  expect(await sumOf(scene)).toBe(110);
  expect((await truncate(scene)).aggregates).toHaveLength(2);
});

test('a view moves back between the question and the commit: nothing leaves', async () => {
  const scene = await openScene();
  const store = new SqlProjectionStore(scene.tab.recorder, received);
  await using runner = new ProjectionRunner({ projection: received, store, log: scene.app });
  await runner.catchUp();
  const meanwhile = async (questions: readonly HistoryQuestion[]): Promise<readonly string[]> => {
    await store.reset();
    return await Promise.all(
      questions.map(async ({ originatorId, upTo }) =>
        historyDigest(await scene.tab.recorder.selectEvents(originatorId, { lte: upTo })),
      ),
    );
  };
  expect((await truncate(scene, { digests: meanwhile })).aggregates).toEqual([]);
  await runner.catchUp();
  expect(await sumOf(scene)).toBe(110);
});

test('who begins at the start, in memory, is told that a part has left, and is given nothing', async () => {
  const scene = await openScene();
  await truncate(scene);
  const store = new MemoryProjectionStore(summed);
  await using runner = new ProjectionRunner({ projection: summed, store, log: scene.app });
  await runner.start();
  await expect(runner.waitFor(20)).rejects.toMatchObject({ cause: { code: 'HISTORY_TRUNCATED' } });
  await expect(scene.app.log.select({ start: 1, limit: 10 })).rejects.toMatchObject({ code: 'HISTORY_TRUNCATED' });
});

test.each(['undo', 'confirmed'] as const)(
  'a view in memory that nobody has named, and that was overtaken, says so and stays as it was (%s)',
  async (follows) => {
    const scene = await openScene();
    const store = new MemoryProjectionStore(summed);
    await using runner = new ProjectionRunner({ projection: summed, store, log: scene.app, follows });
    await scene.app.execute(shelf, first(scene), receive(5));
    await runner.catchUp();
    const before = store.state;
    await confirmPending(scene);
    const upTo = await lastId(scene);
    await truncate(scene, { upTo });
    await expect(runner.catchUp()).rejects.toMatchObject({ code: 'HISTORY_TRUNCATED' });
    expect(store.state).toBe(before);
  },
);

test('nothing leaves where a question of the caller’s own has no good answer in the commit', async () => {
  const scene = await openScene();
  await scene.tab.recorder.transaction(async ({ connection }) => {
    await connection.query('CREATE TABLE followers (position INTEGER NOT NULL)');
    await connection.query('INSERT INTO followers VALUES (7)');
  });
  const at = (position: number): Partial<Parameters<typeof scene.app.truncateHistory>[0]> => ({
    ...{ upTo: position },
    provided: [{ text: 'SELECT min(position) >= $1 FROM followers', values: [position] }],
  });
  expect((await truncate(scene, at(8))).aggregates).toEqual([]);
  expect((await truncate(scene, at(7))).aggregates).toHaveLength(2);
  // Two aggregates take turns in the log: of one the fourth, of the other the third event is the last that is not after it.
  const versions = await Promise.all(scene.ids.map(async (id) => (await scene.tab.recorder.selectBase(id))?.version));
  expect(versions).toEqual([3, 2]);
});

test('a view in memory whose position was given as a bound is not overtaken', async () => {
  const scene = await openScene();
  const store = new MemoryProjectionStore(summed);
  await using runner = new ProjectionRunner({ projection: summed, store, log: scene.app, follows: 'confirmed' });
  await runner.catchUp();
  await scene.app.execute(shelf, first(scene), receive(5));
  await confirmPending(scene);
  expect((await truncate(scene, { upTo: runner.status.value.position })).aggregates).toHaveLength(2);
  await runner.catchUp();
  expect(store.state).toBe(120);
});
