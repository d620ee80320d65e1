/** A log that was cut off, or restored to an earlier time, behind what follows it: nothing that is recorded then is passed over. */
import { afterEach, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { ProcessRunner } from '../../../src/application/processes/process-runner.js';
import { InlineProjection } from '../../../src/application/projections/inline-projection.js';
import { MemoryProjectionStore } from '../../../src/application/projections/memory-projection-store.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { memoryProjection } from '../../../src/application/projections/projection.js';
import type { SqlView } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { follow } from '../../../src/persistence/subscription.js';
import { CountingWorld } from '../../../src/testing/conformance/counting-world.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import {
  stockIdOf,
  testOrder,
  testOrders,
  testReservation,
  testStock,
} from '../../../src/testing/conformance/order-world.js';
import { openPostgres } from '../../support/postgres-fixture.js';

interface Engine {
  readonly recorder: SqlRecorder;
  /** Takes all events away; ids begin at 1 again. */
  cutOff(): Promise<void>;
  close(): Promise<void>;
}

const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  'SQLite on sql.js': async () => {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    return {
      recorder,
      cutOff: () =>
        recorder.transaction(async ({ connection }) => {
          for (const table of ['stored_events', 'sqlite_sequence']) await connection.query(`DELETE FROM ${table}`);
        }),
      close: async () => database.close(),
    };
  },
  PostgreSQL: async () => {
    const { recorder, pool, name, close } = await openPostgres();
    return {
      recorder,
      cutOff: async () => {
        await pool.query(`TRUNCATE ${name}_events RESTART IDENTITY`);
      },
      close,
    };
  },
};

describe.each(Object.entries(ENGINES))('on %s', (_name, open) => {
  let engine: Engine | undefined;
  afterEach(async () => {
    await engine?.close();
    engine = undefined;
  });

  async function openWorld(): Promise<Engine & { world: CountingWorld; runner: () => ProjectionRunner<SqlView> }> {
    engine = await open();
    const { recorder } = engine;
    const world = new CountingWorld(recorder);
    const projection = world.sums();
    const runner = (): ProjectionRunner<SqlView> =>
      new ProjectionRunner<SqlView>({
        projection,
        store: new SqlProjectionStore(recorder, projection),
        log: world.log,
      });
    return { ...engine, world, runner };
  }

  test.each(['rebuild', 'reset'] as const)('a projection stops, and goes on after a %s', async (exit) => {
    const { recorder, cutOff, world, runner } = await openWorld();
    await world.find(newOriginatorId(), 1, 2, 3, 4, 5);
    await runner().catchUp();
    await cutOff();
    const thing = newOriginatorId();
    const last = await world.find(thing, 10, 20, 30);
    expect(last).toBe(3);
    await expect(runner().catchUp()).rejects.toMatchObject({ code: 'LOG_BEHIND', details: { position: 5, head: 3 } });
    await using stopped = runner();
    await stopped.start();
    await expect(stopped.waitFor(3)).rejects.toMatchObject({ code: 'FOLLOWER_STOPPED', cause: { code: 'LOG_BEHIND' } });
    expect(stopped.status.value).toMatchObject({ state: 'stopped', lastError: { code: 'LOG_BEHIND' } });
    await runner()[exit]();
    await using next = runner();
    await next.start();
    await next.waitFor(3);
    expect(await world.readSums(recorder)).toEqual({ [thing]: [60, 3] });
  });

  test('a projection that runs does not take what it had reached before for what is there now', async () => {
    const { cutOff, world, runner } = await openWorld();
    await using live = runner();
    await live.start();
    await live.waitFor(await world.find(newOriginatorId(), 1, 2, 3, 4, 5));
    await cutOff();
    const last = await world.find(newOriginatorId(), 10);
    await expect(live.waitFor(last)).rejects.toMatchObject({
      code: 'FOLLOWER_STOPPED',
      cause: { code: 'LOG_BEHIND' },
    });
    // The log has grown past it: what it had reached is not there all the same.
    await world.find(newOriginatorId(), 1, 2, 3, 4, 5, 6);
    await expect(live.waitFor(last)).rejects.toMatchObject({ code: 'FOLLOWER_STOPPED' });
  });

  test('a log that has grown past a projection meanwhile is known by the event at its position', async () => {
    const { recorder, cutOff, world, runner } = await openWorld();
    await world.find(newOriginatorId(), 1, 2);
    await runner().catchUp();
    await cutOff();
    const thing = newOriginatorId();
    await world.find(thing, 10, 20, 30);
    await expect(runner().catchUp()).rejects.toMatchObject({ code: 'LOG_BEHIND', details: { position: 2, head: 3 } });
    await runner().rebuild();
    expect(await world.readSums(recorder)).toEqual({ [thing]: [60, 3] });
    await runner().catchUp();
  });

  test('a rebuild that was broken off before is not gone on with', async () => {
    const { recorder, cutOff, world, runner } = await openWorld();
    await world.find(newOriginatorId(), 1, 2, 3);
    await runner().catchUp();
    const store = new SqlProjectionStore(recorder, world.sums());
    await store.beginNext();
    await store.transaction('next', (transaction) => transaction.advance(3));
    await cutOff();
    const thing = newOriginatorId();
    await world.find(thing, 7);
    await runner().rebuild();
    expect(await world.readSums(recorder)).toEqual({ [thing]: [7, 1] });
  });

  test('a projection in line refuses commits until it is built anew, the one at its own position included', async () => {
    const { recorder, cutOff, world, runner } = await openWorld();
    const projection = world.sums();
    const inlineOf = (): InlineProjection<string> =>
      new InlineProjection({ projection, recorder, decode: (stored) => Promise.resolve(world.decode(stored)) });
    const inline = inlineOf();
    await inline.setUp();
    const record = async (thing: string): Promise<void> => {
      await recorder.transaction(async (transaction) => {
        const event = world.next(thing, 1);
        const [id = 0] = await transaction.insertEvents([event]);
        await inline.onRecorded(transaction, [world.decode({ ...event, id })]);
      });
    };
    for (let count = 0; count < 3; count++) await record(newOriginatorId());
    await cutOff();
    // On PostgreSQL a refused commit takes an id: the third one is where the view stands.
    for (let count = 0; count < 3; count++) {
      await expect(record(newOriginatorId())).rejects.toMatchObject({ code: 'LOG_BEHIND' });
    }
    expect(await recorder.maxNotificationId()).toBe(0);
    await expect(inlineOf().setUp()).rejects.toMatchObject({ code: 'LOG_BEHIND' });
    await runner().rebuild();
    await inlineOf().setUp();
    const thing = newOriginatorId();
    await record(thing);
    expect(await world.readSums(recorder)).toEqual({ [thing]: [1, 1] });
  });

  test('a view in memory stops as well', async () => {
    const { cutOff, world } = await openWorld();
    const origin = { name: world.name, events: world.sums().topics };
    const projection = {
      ...memoryProjection({ name: `memory-${origin.name}`, from: [], initialState: () => 0, on: {} }),
      topics: origin.events,
      handle: (_event: unknown, view: { state: number }): void => {
        view.state++;
      },
    };
    const store = new MemoryProjectionStore(projection);
    const runner = new ProjectionRunner({ projection, store, log: world.log });
    await world.find(newOriginatorId(), 1, 2);
    await runner.catchUp();
    await cutOff();
    await world.find(newOriginatorId(), 1);
    await expect(runner.catchUp()).rejects.toMatchObject({ code: 'LOG_BEHIND' });
    await runner.reset();
    await runner.catchUp();
    expect(store.state).toBe(1);
  });

  test('a process stops, and says so', async () => {
    engine = await open();
    const { recorder, cutOff } = engine;
    const nails = stockIdOf('nails');
    const app = new Application({ recorder, aggregates: [testStock, testOrder], name: 'shop' });
    const place = () =>
      app.execute(testOrder, newOriginatorId(), { type: 'Place', data: { item: 'nails', quantity: 1 } });
    await app.execute(testStock, nails, { type: 'Add', data: { quantity: 9 } });
    await place();
    const processOf = (): ProcessRunner => new ProcessRunner({ from: app, process: testReservation, into: app });
    await processOf().catchUp();
    await cutOff();
    await place();
    await expect(processOf().catchUp()).rejects.toMatchObject({ code: 'LOG_BEHIND' });
    await using started = processOf();
    started.start();
    await expect(started.waitFor(1)).rejects.toMatchObject({ code: 'FOLLOWER_STOPPED', cause: { code: 'LOG_BEHIND' } });
  });

  test('subscribers are told, those that wait included', async () => {
    const { recorder, cutOff, world } = await openWorld();
    await world.find(newOriginatorId(), 1, 2, 3);
    const listeners = new Set<() => void>();
    const waiting = follow(recorder, (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    });
    for (let count = 0; count < 3; count++) await waiting.next();
    const next = waiting.next();
    const outcome = expect(next).rejects.toMatchObject({ code: 'LOG_BEHIND', details: { position: 3, head: 1 } });
    await cutOff();
    await world.find(newOriginatorId(), 1);
    for (const listener of listeners) listener();
    await outcome;
    for (const topics of [[], world.sums().topics]) {
      const late = follow(recorder, () => () => undefined, { gt: 3, topics });
      await expect(late.next()).rejects.toMatchObject({ code: 'LOG_BEHIND' });
    }
    const app = testOrders(recorder);
    await expect(app.subscribe({ gt: 3 }).next()).rejects.toMatchObject({ code: 'LOG_BEHIND' });
    await waiting.return();
  });

  test('an outbox refuses an event at the position of another one, and says what it may be', async () => {
    engine = await open();
    const { recorder, cutOff } = engine;
    const outbox = new SqlOutbox({ recorder, table: `o${newOriginatorId().slice(0, 8)}` });
    await outbox.createTables();
    const app = new Application({ recorder, aggregates: [testStock], inline: [outbox] });
    const add = () => app.execute(testStock, newOriginatorId(), { type: 'Add', data: { quantity: 1 } });
    await add();
    await cutOff();
    await expect(add()).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      message: expect.stringMatching(/entry of another event at position 1.*cut off or restored/s) as string,
    });
    expect(await recorder.maxNotificationId()).toBe(0);
  });
});
