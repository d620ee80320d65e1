/**
 * What projections promise when several run at once, and when their definition has changed since the view was made.
 *
 * @module
 */
import { ProjectionRunner } from '../../application/projections/projection-runner.js';
import type { ProjectionRunnerOptions } from '../../application/projections/projection-runner.js';
import type { SqlProjection, SqlView } from '../../application/projections/projection.js';
import { SqlProjectionStore } from '../../application/projections/sql-projection-store.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { closedAfter, expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { CountingWorld } from './counting-world.js';
import { newOriginatorId } from './event-samples.js';
import { projectionReleaseCases } from './projection-release-cases.js';
import type { ProjectionContext } from './projection-cases.js';

type Case = ConformanceCase<ProjectionContext>;
type Options = Partial<ProjectionRunnerOptions<SqlView>>;

function runnerOf(
  recorder: SqlRecorder,
  world: CountingWorld,
  projection: SqlProjection = world.sums(),
  options: Options = {},
): ProjectionRunner<SqlView> {
  const store = new SqlProjectionStore(recorder, projection);
  return new ProjectionRunner<SqlView>({
    projection,
    store,
    log: world.log,
    random: () => 0,
    onFailure: { attemptsMax: 1 },
    ...options,
  });
}

/** Does something the first time that a new view is about to take the place of the one in use. */
class OvertakenStore extends SqlProjectionStore {
  readonly #meanwhile: () => Promise<void>;
  #isOvertaken = false;

  constructor(recorder: SqlRecorder, projection: SqlProjection, meanwhile: () => Promise<void>) {
    super(recorder, projection);
    this.#meanwhile = meanwhile;
  }

  override async promoteNext(): ReturnType<SqlProjectionStore['promoteNext']> {
    if (!this.#isOvertaken) await this.#meanwhile();
    this.#isOvertaken = true;
    return await super.promoteNext();
  }
}

const setsUpAtOnce: Case = {
  name: 'runners that start at once set the view up together',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    await world.find(thing, 1, 2);
    const runners = Array.from({ length: 4 }, () => runnerOf(recorder, world));
    await Promise.all(runners.map((runner) => runner.catchUp()));
    expectEqual(await world.readSums(recorder), { [thing]: [3, 2] }, 'sums');
  },
};

const isOvertaken: Case = {
  name: 'a rebuild that the view in use overtakes at the last moment catches up, a failing event included',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const [good, bad] = [newOriginatorId(), newOriginatorId()];
    await world.find(good, 1, 2);
    const live = runnerOf(recorder, world);
    await live.catchUp();
    const projection = world.sums(({ data }) => {
      if (data.many === 13) throw new RangeError('unlucky');
    }, 10);
    const store = new OvertakenStore(recorder, projection, async () => {
      await world.find(good, 3);
      await world.find(bad, 13);
      await live.catchUp();
    });
    const after = runnerOf(recorder, world, projection, { store });
    await after.rebuild();
    expectEqual(await world.readSums(recorder), { [good]: [60, 3] }, 'the new view');
    const letters = await after.deadLetters.list();
    expectEqual(
      letters.map(({ originatorId, status }) => [originatorId, status]),
      [[bad, 'failed']],
      'letters',
    );
  },
};

const sharesRebuild: Case = {
  name: 'runners that build anew at once end with one view',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const things = Array.from({ length: 4 }, newOriginatorId);
    for (const thing of things) await world.find(thing, 1, 2, 3);
    await runnerOf(recorder, world).catchUp();
    const runners = [1, 2, 3].map(() =>
      runnerOf(
        recorder,
        world,
        world.sums(() => undefined, 10),
        { batchEventsMax: 2 },
      ),
    );
    await Promise.all(runners.map((runner) => runner.rebuild()));
    const expected = Object.fromEntries(things.toSorted().map((thing) => [thing, [60, 3]]));
    expectEqual(await world.readSums(recorder), expected, 'sums');
    await Promise.all(runners.map((runner) => runner.catchUp()));
    expectEqual(await world.readSums(recorder), expected, 'and stay so');
  },
};

const rebuildsUnderWay: Case = {
  name: 'a view that is built anew again and again, or reset, while events arrive is never missing',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const [thing, times] = [newOriginatorId(), 40];
    const live = runnerOf(recorder, world);
    await closedAfter(live, async () => {
      await live.start();
      let last = 0;
      const recording = (async () => {
        for (let time = 0; time < times; time++) last = await world.find(thing, 1);
      })();
      // As many runners as there are rounds: each is a program of its own.
      for (let round = 0; round < 8; round++) {
        const runner = runnerOf(recorder, world);
        await (round % 4 === 1 ? runner.reset() : runner.rebuild());
      }
      await recording;
      await live.waitFor(last);
      expectEqual(await world.readSums(recorder), { [thing]: [times, times] }, 'sums');
      expectEqual(live.status.value.lastError, undefined, 'the one that followed all the time');
    });
  },
};

/** The sums, and beside them a table that an earlier definition did not have. */
function withMoreTables(world: CountingWorld, ...more: readonly string[]): SqlProjection {
  const sums = world.sums(() => undefined, 10);
  const created = (table: string): string => `CREATE TABLE ${table} (thing TEXT NOT NULL)`;
  return {
    ...sums,
    tables: { ...sums.tables, ...Object.fromEntries(more.map((table) => [table, created])) },
    handle: async (event, view) => {
      await sums.handle(event, view);
      for (const table of more)
        await view.query(`INSERT INTO ${view.tables[table] as string} VALUES ($1)`, [event.originatorId]);
    },
  };
}

const changesTables: Case = {
  name: 'a rebuild gives the view the tables of the present definition, and takes away those of the one before',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    await world.find(thing, 1, 2);
    await runnerOf(recorder, world).catchUp();
    const [added, other] = [`added_${world.name}`, `other_${world.name}`];
    await runnerOf(recorder, world, withMoreTables(world, added)).rebuild();
    expectEqual(await world.readSums(recorder), { [thing]: [30, 2] }, 'the new view');
    expectEqual((await recorder.query(`SELECT thing FROM ${added}`)).rows.length, 2, 'its new table');
    await runnerOf(recorder, world, withMoreTables(world, other)).rebuild();
    expectEqual((await recorder.query(`SELECT thing FROM ${other}`)).rows.length, 2, 'another table');
    expectTrue(!(await isThere(recorder, added)), 'the table of the definition before is gone');
    await runnerOf(recorder, world).reset({ isRollback: true });
    expectTrue(!(await isThere(recorder, other)), 'gone by a reset');
  },
};

async function isThere(recorder: SqlRecorder, table: string): Promise<boolean> {
  return await recorder.query(`SELECT thing FROM ${table}`).then(
    () => true,
    () => false,
  );
}

const noticesChange: Case = {
  name: 'a view of an earlier definition is built anew by itself, and whoever has that definition stops',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    await world.find(thing, 1, 2);
    const before = runnerOf(recorder, world);
    const projection: SqlProjection = { ...world.sums(() => undefined, 10), version: 2 };
    const after = runnerOf(recorder, world, projection);
    await closedAfter(before, async () => {
      await before.start();
      await before.waitFor(await world.find(thing, 3));
      await after.catchUp();
      expectEqual(await world.readSums(recorder), { [thing]: [60, 3] }, 'the new view');
      await expectRejection(before.waitFor(await world.find(thing, 4)), 'FOLLOWER_STOPPED', 'the one that still runs');
      await expectRejection(runnerOf(recorder, world).catchUp(), 'PROJECTION_REPLACED', 'it does not go back either');
      await after.catchUp();
      expectEqual(await world.readSums(recorder), { [thing]: [100, 4] }, 'untouched by it');
    });
  },
};

const blamesStatement: Case = {
  name: 'a statement that can never work is the fault of its handler, on every engine',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const sums = world.sums();
    const projection: SqlProjection = {
      ...sums,
      handle: async (_event, view) => {
        await view.query('INSERT INTO no_such_table VALUES (1)');
      },
    };
    await world.find(newOriginatorId(), 1);
    const runner = runnerOf(recorder, world, projection);
    await runner.catchUp();
    expectEqual((await runner.deadLetters.list()).length, 1, 'a dead letter');
  },
};

const dropsStaleRebuild: Case = {
  name: 'a rebuild that was broken off by another definition is begun again, not gone on with',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    await world.find(thing, 1, 2, 3, 4);
    await runnerOf(recorder, world).catchUp();
    for (const changed of [withMoreTables(world, `more_${world.name}`), { ...world.sums(), version: 2 }]) {
      const stop = new AbortController();
      const brokenOff = world.sums(({ data }) => {
        if (data.many === 2) stop.abort(new RangeError('broken off'));
      }, 1_000);
      await runnerOf(recorder, world, brokenOff, { batchEventsMax: 1 })
        .rebuild({ signal: stop.signal, isRollback: true })
        .catch(() => undefined);
      const runner = runnerOf(recorder, world, changed);
      await runner.rebuild();
      const factor = changed.version === 2 ? 1 : 10;
      expectEqual(await world.readSums(recorder), { [thing]: [10 * factor, 4] }, 'of one definition');
      expectEqual(await runner.deadLetters.list(), [], 'nothing failed');
    }
  },
};

const keepsAnyText: Case = {
  name: 'whatever a handler throws becomes a dead letter',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const thrown: readonly unknown[] = [
      new RangeError('nul \0 and half a pair \ud83d'),
      circular,
      undefined,
      10n,
      Symbol('odd'),
      'x'.repeat(100_000),
    ];
    const projection = world.sums(({ data }) => {
      throw thrown[data.many];
    });
    for (const index of thrown.keys()) await world.find(newOriginatorId(), index);
    const runner = runnerOf(recorder, world, projection);
    await runner.catchUp();
    const letters = await runner.deadLetters.list();
    expectEqual(letters.length, thrown.length, 'letters');
    for (const { error } of letters)
      expectTrue(error !== '' && error.length <= 4_000, 'each says why, and not at length');
  },
};

const resetsFirst: Case = {
  name: 'a view can be reset before it was ever set up',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    await world.find(thing, 1);
    const runner = runnerOf(recorder, world);
    await runner.reset();
    await runner.catchUp();
    expectEqual(await world.readSums(recorder), { [thing]: [1, 1] }, 'sums');
  },
};

/** The cases, in the order of their subjects. */
export const projectionRaceCases: readonly Case[] = [
  setsUpAtOnce,
  isOvertaken,
  sharesRebuild,
  rebuildsUnderWay,
  changesTables,
  noticesChange,
  ...projectionReleaseCases,
  blamesStatement,
  dropsStaleRebuild,
  keepsAnyText,
  resetsFirst,
];
