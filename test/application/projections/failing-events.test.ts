/** Events that cannot be taken, and the good ones around them. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { ProcessRunner } from '../../../src/application/processes/process-runner.js';
import { Application } from '../../../src/application/application.js';
import { defineProcess } from '../../../src/application/processes/process.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import type { ProjectionRunnerOptions } from '../../../src/application/projections/projection-runner.js';
import type { SqlProjection, SqlView } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { MapperDeserialisationError, OperationalError } from '../../../src/persistence/errors.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { CountingWorld } from '../../../src/testing/conformance/counting-world.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { testStock } from '../../../src/testing/conformance/order-world.js';
import { openPostgres } from '../../support/postgres-fixture.js';

type Options = Partial<ProjectionRunnerOptions<SqlView>>;

function runnerOf(
  recorder: SqlRecorder,
  world: CountingWorld,
  projection: SqlProjection,
  options: Options = {},
): ProjectionRunner<SqlView> {
  const store = new SqlProjectionStore(recorder, projection);
  return new ProjectionRunner<SqlView>({ projection, store, log: world.log, random: () => 0, ...options });
}

async function openSqlite(): Promise<SqlRecorder> {
  const recorder = new SqliteProcessRecorder(await openSqlJs());
  await recorder.createTable();
  return recorder;
}

/** A log in which one event cannot be read, as long as it is so. */
function logWithUnreadable(world: CountingWorld, isBad: (many: number) => boolean, error: () => Error): Options {
  const { log } = world;
  return {
    log: {
      ...log,
      decode: async (notification) => {
        const event = world.decode(notification);
        if (isBad(event.data.many)) throw error();
        return event;
      },
    },
  };
}

describe('an event that cannot be read', () => {
  const unreadable = (): Error => new MapperDeserialisationError('of another key');

  test('becomes a dead letter, and the good ones before and after it are taken', async () => {
    const recorder = await openSqlite();
    const world = new CountingWorld(recorder);
    const [good, bad] = [newOriginatorId(), newOriginatorId()];
    await world.find(good, 1, 2, 3);
    const failed = await world.find(bad, 13);
    await world.find(bad, 7);
    await world.find(good, 4);
    let isBad = true;
    const options = logWithUnreadable(world, (many) => many === 13 && isBad, unreadable);
    const runner = runnerOf(recorder, world, world.sums(), options);
    await runner.catchUp();
    expect(await world.readSums(recorder)).toEqual({ [good]: [10, 4] });
    expect(await runner.deadLetters.list()).toMatchObject([
      { notificationId: failed, originatorId: bad, status: 'failed', retryCount: 1, eventType: `${world.name}:Found` },
      { originatorId: bad, status: 'waiting' },
    ]);
    expect((await runner.deadLetters.list())[0]?.error).toContain('of another key');
    expect(await runner.deadLetters.retry(failed, 'a tester')).toBe(false);
    isBad = false;
    expect(await runner.deadLetters.retry(failed, 'a tester')).toBe(true);
    expect((await world.readSums(recorder))[bad]).toEqual([20, 2]);
    expect(await runner.deadLetters.list()).toEqual([]);
  });

  test.each(['unreadable', 'rejected'])(
    'holds a projection up that is to retry, and nothing is passed over: %s',
    async (why) => {
      const recorder = await openSqlite();
      const world = new CountingWorld(recorder);
      const [good, bad] = [newOriginatorId(), newOriginatorId()];
      await world.find(good, 1);
      await world.find(bad, 13);
      const last = await world.find(good, 2);
      let isBad = true;
      const sums = world.sums();
      const projection: SqlProjection = {
        ...sums,
        handle: (event, view) => {
          if (isBad && why === 'rejected' && event.originatorId === bad) throw new RangeError('of a handler');
          return sums.handle(event, view);
        },
      };
      const reading = why === 'unreadable' ? logWithUnreadable(world, (many) => many === 13 && isBad, unreadable) : {};
      const onFailure = { attemptsMax: 2, then: 'retry' } as const;
      await using runner = runnerOf(recorder, world, projection, { ...reading, onFailure });
      await expect(runner.catchUp()).rejects.toMatchObject({
        code: 'OPERATIONAL_ERROR',
        details: { notificationId: 2 },
      });
      expect(await world.readSums(recorder)).toEqual({ [good]: [1, 1] });
      const waits = new Promise<unknown>((resolve) => {
        runner.status.subscribe(({ state, lastError }) => {
          if (state === 'waiting') resolve(lastError);
        });
      });
      await runner.start();
      expect(await waits).toMatchObject({ code: 'OPERATIONAL_ERROR', details: { notificationId: 2 } });
      isBad = false;
      await runner.waitFor(last);
      expect(await world.readSums(recorder)).toEqual({ [good]: [3, 2], [bad]: [13, 1] });
      expect(await runner.deadLetters.list()).toEqual([]);
    },
  );

  test('stops a projection that is to stop, behind the good ones before it', async () => {
    const recorder = await openSqlite();
    const world = new CountingWorld(recorder);
    const good = newOriginatorId();
    await world.find(good, 1, 2, 3, 13, 4);
    const options = logWithUnreadable(world, (many) => many === 13, unreadable);
    const runner = runnerOf(recorder, world, world.sums(), { ...options, onFailure: { then: 'stop' } });
    await expect(runner.catchUp()).rejects.toMatchObject({ code: 'MAPPER_DESERIALISATION_ERROR' });
    expect(await world.readSums(recorder)).toEqual({ [good]: [6, 3] });
  });

  test('is no dead letter while what decodes it is only away', async () => {
    const recorder = await openSqlite();
    const world = new CountingWorld(recorder);
    const good = newOriginatorId();
    await world.find(good, 1, 13);
    let isAway = true;
    const options = logWithUnreadable(
      world,
      (many) => many === 13 && isAway,
      () => new OperationalError('The keys are away.'),
    );
    const runner = runnerOf(recorder, world, world.sums(), options);
    await expect(runner.catchUp()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    isAway = false;
    await runner.catchUp();
    expect(await world.readSums(recorder)).toEqual({ [good]: [14, 2] });
    expect(await runner.deadLetters.list({})).toEqual([]);
  });

  test('stops a process behind the good ones before it', async () => {
    const recorder = new MemoryProcessRecorder();
    const app = new Application({ recorder, aggregates: [testStock] });
    const ids = Array.from({ length: 4 }, newOriginatorId);
    for (const id of ids) await app.execute(testStock, id, { type: 'Add', data: { quantity: 1 } });
    const seen: string[] = [];
    const process = defineProcess({
      name: 'watch',
      from: [testStock],
      on: {
        Added: ({ originatorId }) => {
          seen.push(originatorId);
          return [];
        },
      },
    });
    const from = {
      name: 'stock',
      recorder,
      decode: async (notification: Parameters<Application['decode']>[0]) => {
        if (notification.id === 4) throw unreadable();
        return await app.decode(notification);
      },
    };
    const runner = new ProcessRunner({ process, from, into: app, onFailure: async () => [] });
    await expect(runner.catchUp()).rejects.toMatchObject({ code: 'MAPPER_DESERIALISATION_ERROR' });
    expect(seen).toEqual(ids.slice(0, 3));
  });
});

/** What takes too long, with the limits of a recorder of its own. */
const SLOW: Readonly<Record<string, (view: SqlView) => Promise<void>>> = {
  'whose statement exceeds the time limit': async ({ query }) => {
    await query('SELECT pg_sleep(30)');
  },
  'that does nothing for longer than a transaction may': async () => {
    await new Promise((resolve) => {
      setTimeout(resolve, 1_000);
    });
  },
};

describe('a handler', () => {
  const tries = Object.entries(SLOW).flatMap(([name, slow]) => [1, 2].map((times) => [name, times, slow] as const));
  test.each(tries)('%s again and again is tried alone as often as is said: %i', async (_name, attemptsMax, slow) => {
    // The tables are made without the limit: others make theirs at the same time.
    await using fixture = await openPostgres();
    const pool = await createPgPool({ connectionString: fixture.url, statementTimeoutMs: 200 });
    onTestFinished(() => pool.end());
    const { name: applicationName } = fixture;
    const recorder = new PostgresProcessRecorder({ pool, applicationName, idleInTransactionTimeoutMs: 200 });
    const world = new CountingWorld(recorder);
    const [good, bad] = [newOriginatorId(), newOriginatorId()];
    await world.find(good, 1, 2);
    const failed = await world.find(bad, 13);
    await world.find(good, 3);
    let tried = 0;
    const sums = world.sums();
    const projection: SqlProjection = {
      ...sums,
      handle: async (event, view) => {
        if (event.originatorId === bad) {
          tried++;
          await slow(view);
        } else await sums.handle(event, view);
      },
    };
    const runner = runnerOf(recorder, world, projection, { onFailure: { attemptsMax } });
    await runner.catchUp();
    expect(await world.readSums(recorder)).toEqual({ [good]: [6, 3] });
    expect(await runner.deadLetters.list()).toMatchObject([{ notificationId: failed, status: 'failed' }]);
    // Together with others it may have been met more than once: by its page, and by the parts of that.
    expect(tried).toBeGreaterThanOrEqual(attemptsMax);
    expect(tried).toBeLessThanOrEqual(attemptsMax + 3);
  });

  test('that always exceeds a time limit stops a projection that is to stop', async () => {
    await using fixture = await openPostgres({ statementTimeoutMs: 200 });
    const recorder = await fixture.make();
    const world = new CountingWorld(recorder);
    const last = await world.find(newOriginatorId(), 1);
    const projection: SqlProjection = {
      ...world.sums(),
      handle: async (_event, { query }) => {
        await query('SELECT pg_sleep(30)');
      },
    };
    const onFailure = { attemptsMax: 2, then: 'stop' } as const;
    await using runner = runnerOf(recorder, world, projection, { onFailure });
    await runner.start();
    await expect(runner.waitFor(last)).rejects.toMatchObject({
      code: 'FOLLOWER_STOPPED',
      cause: { code: 'OPERATIONAL_ERROR' },
    });
  });

  test('whose store is gone leaves no dead letter', async () => {
    const inner = await openSqlite();
    const world = new CountingWorld(inner);
    await world.find(newOriginatorId(), 1);
    const sums = world.sums();
    let isGone = false;
    const store = new (class extends SqlProjectionStore {
      override async transaction(...given: Parameters<SqlProjectionStore['transaction']>): Promise<never> {
        if (isGone) throw new OperationalError('gone');
        return (await super.transaction(...given)) as never;
      }
    })(inner, sums);
    const projection: SqlProjection = {
      ...sums,
      handle: async () => {
        isGone = true;
        throw new OperationalError('gone');
      },
    };
    const runner = runnerOf(inner, world, projection, { store, onFailure: { attemptsMax: 1 } });
    await expect(runner.catchUp()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    isGone = false;
    expect(await runner.deadLetters.list({})).toEqual([]);
  });
});

test('a page without an event that matters leaves the last one of the checkpoint as it is', async () => {
  const recorder = await openSqlite();
  const world = new CountingWorld(recorder);
  const thing = newOriginatorId();
  await world.find(thing, 1);
  const store = new SqlProjectionStore(recorder, world.sums());
  const runner = runnerOf(recorder, world, world.sums(), { store });
  await runner.catchUp();
  const head = await new CountingWorld(recorder).find(newOriginatorId(), 5);
  await runner.catchUp();
  expect(await store.checkpoint('live')).toMatchObject({ position: head, lastEventId: `${thing}/1` });
  const { rows } = await recorder.query('SELECT event_id, event_type FROM projection_checkpoints');
  expect(rows).toEqual([{ event_id: `${thing}/1`, event_type: 'Found' }]);
});
