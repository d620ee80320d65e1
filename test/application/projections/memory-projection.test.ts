import { describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { MemoryProjectionStore } from '../../../src/application/projections/memory-projection-store.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { memoryProjection, sqlProjection } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { stockItem } from '../../../examples/projections/stock-item.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { ProgrammingError } from '../../../src/persistence/errors.js';
import { stockIdOf, testOrder, testStock } from '../../../src/testing/conformance/order-world.js';

type Levels = Readonly<Record<string, number>>;

const levels = memoryProjection({
  name: 'levels',
  from: [testStock],
  initialState: (): Levels => ({}),
  on: {
    Added: (state, { originatorId, data }) => ({
      ...state,
      [originatorId]: (state[originatorId] ?? 0) + data.quantity,
    }),
    Reserved: (state, { originatorId, data }) => {
      if (data.orderId === 'poison') throw new RangeError('no such order');
      return { ...state, [originatorId]: (state[originatorId] ?? 0) - data.quantity };
    },
  },
});

function world(): { app: Application; store: MemoryProjectionStore<Levels>; id: string } {
  const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [testStock, testOrder] });
  return { app, store: new MemoryProjectionStore(levels), id: stockIdOf('nails') };
}

describe('a projection in memory', () => {
  test('follows an application', async () => {
    const { app, store, id } = world();
    await using runner = new ProjectionRunner({ projection: levels, store, log: app });
    await runner.start();
    await app.execute(testStock, id, { type: 'Add', data: { quantity: 5 } });
    const done = await app.execute(testStock, id, { type: 'Reserve', data: { quantity: 2, orderId: 'x' } });
    await runner.waitFor(done.notificationIds[0] ?? 0);
    expect(store.state).toEqual({ [id]: 3 });
    expect(runner.status.value).toMatchObject({ position: 2, head: 2, lag: 0, deadLetters: 0 });
  });

  test('puts aside what it cannot take, builds itself anew, and begins again', async () => {
    const { app, store, id } = world();
    const runner = new ProjectionRunner({ projection: levels, store, log: app, onFailure: { attemptsMax: 1 } });
    await app.execute(testStock, id, { type: 'Add', data: { quantity: 5 } });
    await app.execute(testStock, id, { type: 'Reserve', data: { quantity: 2, orderId: 'poison' } });
    await app.execute(testStock, id, { type: 'Add', data: { quantity: 1 } });
    await runner.catchUp();
    expect(store.state).toEqual({ [id]: 5 });
    expect((await runner.deadLetters.list()).map(({ status }) => status)).toEqual(['failed', 'waiting']);
    await runner.rebuild();
    expect(store.state).toEqual({ [id]: 5 });
    await runner.deadLetters.discard(2, 'a tester');
    expect(store.state).toEqual({ [id]: 6 });
    await runner.reset();
    expect(store.state).toEqual({});
  });

  test('is never seen half changed', async () => {
    const { store } = world();
    const before = store.state;
    const failing = store.transaction('live', async ({ view }) => {
      view.state = { x: 1 };
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(store.state).toBe(before);
  });
});

test('one function is given every event of the origins, in memory and in SQL', async () => {
  const seen = memoryProjection({
    name: 'seen',
    from: [stockItem],
    initialState: (): readonly string[] => [],
    on: (types, event) => [...types, event.type],
  });
  const recorder = new SqliteProcessRecorder(await openSqlJs());
  await recorder.createTable();
  const app = new Application({ recorder, aggregates: [stockItem] });
  const itemId = newOriginatorId();
  await app.execute(stockItem, itemId, { type: 'Count', data: { quantity: 3 } });
  await app.execute(stockItem, itemId, { type: 'Sell', data: { quantity: 1 } });
  const store = new MemoryProjectionStore(seen);
  await new ProjectionRunner({ projection: seen, store, log: app }).catchUp();
  expect(store.state).toEqual(['Counted', 'Sold']);

  const journal = sqlProjection({
    name: 'journal',
    from: [stockItem],
    tables: { journal: (table) => `CREATE TABLE ${table} (position BIGINT PRIMARY KEY, quantity BIGINT NOT NULL)` },
    on: async ({ notificationId, data }, { query, tables }) => {
      await query(`INSERT INTO ${tables.journal} VALUES ($1, $2)`, [notificationId, data.quantity]);
    },
  });
  await new ProjectionRunner({
    projection: journal,
    store: new SqlProjectionStore(recorder, journal),
    log: app,
  }).catchUp();
  const { rows } = await recorder.query('SELECT position, quantity FROM journal ORDER BY position');
  expect(rows.map(({ position, quantity }) => [Number(position), Number(quantity)])).toEqual([
    [1, 3],
    [2, 1],
  ]);
});

describe('a definition', () => {
  test('is refused when its handler is for an event that no origin has', () => {
    const define = (): unknown =>
      memoryProjection({
        name: 'x',
        from: [testOrder],
        initialState: () => 0,
        // @ts-expect-error orders are not added
        on: { Added: (state: number) => state },
      });
    expect(define).toThrow(ProgrammingError);
  });

  test('is refused when a table has no plain name', () => {
    const define = (): unknown => sqlProjection({ name: 'x', from: [testOrder], tables: { 'a b': () => '' }, on: {} });
    expect(define).toThrow('lower case letters');
  });

  test('handlers get the event that they are for', () => {
    memoryProjection({
      name: 'typed',
      from: [testOrder, testStock],
      initialState: () => 0,
      on: {
        Placed: (state, { data }) => state + data.quantity,
        // @ts-expect-error what was confirmed has no quantity
        Confirmed: (state, { data }) => state + (data.quantity as number),
        // @ts-expect-error a sum is no text
        Added: () => 'much',
      },
    });
  });
});
