/** A log that is brought into PostgreSQL: once, in its order, wherever it was broken off. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LogForwarding } from '../../src/hub/forward-log.js';
import { copyLog, ForwardStoppedError } from '../../src/hub/log-copy.js';
import type { LogCopyTarget } from '../../src/hub/log-copy.js';
import { OperationalError } from '../../src/persistence/errors.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import type { ConfirmedUnit } from '../../src/persistence/unit.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { asLost, readLog, sampleUnit } from '../../src/testing/conformance/unit-samples.js';
import { openPostgres } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeSqliteLog } from '../support/sqlite-log-fixture.js';
import type { SqliteLogFixture } from '../support/sqlite-log-fixture.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../support/unit-log-fixture.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const [ANN, BERT] = ['ann', 'bert'].map((subject) => ({ subject, replicaId: `replica of ${subject}` })) as [
  { subject: string; replicaId: string },
  { subject: string; replicaId: string },
];

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

interface Scene {
  readonly source: SqliteLogFixture;
  readonly target: PostgresLogFixture;
  /** What fails next, and whether before the other log has it, or after. */
  fails: 'before' | 'after' | undefined;
  readonly forwarding: LogForwarding;
  /** Where it is brought to: another one may be named. */
  log: LogCopyTarget;
}

async function openScene(pushed?: (target: PostgresLogFixture) => LogCopyTarget): Promise<Scene> {
  const recorder = new SqliteProcessRecorder(await openNodeSqlite({ path: ':memory:' }));
  await recorder.createTable();
  const [source, target] = [await makeSqliteLog(recorder), await makePostgresLog(postgres.pool)];
  const scene: Scene = {
    ...{ source, target, fails: undefined, log: pushed?.(target) ?? target.open() },
    forwarding: new LogForwarding(recorder, source.open(), {
      open: async () => ({
        log: {
          news: async (...asked) => await scene.log.news(...asked),
          push: async (...asked) => {
            const gone = new OperationalError('The other log is out of reach.');
            const { fails } = scene;
            scene.fails = undefined;
            if (fails === 'before') throw gone;
            const outcome = await scene.log.push(...asked);
            if (fails === 'after') throw gone;
            return outcome;
          },
        },
      }),
    }),
  };
  await scene.forwarding.createTable();
  return scene;
}

/** What both logs say alike: all but where each keeps its events. */
function said(units: readonly ConfirmedUnit[]): unknown {
  return asLost(units).map(({ id, edition, events, isCommutative, scopes, after, position, origin }) => ({
    ...{ id, edition, events, isCommutative, scopes, after, position },
    author: origin.author,
  }));
}

async function expectSame({ source, target, forwarding }: Scene): Promise<void> {
  const [ours, theirs] = [await readLog(source.open()), await readLog(target.open())];
  expect(said(theirs.units)).toEqual(said(ours.units));
  const head = await source.open().head();
  expect(await forwarding.standing()).toEqual({ position: head, head });
}

/** Several authors, several aggregates of a unit, what commutes and is given another place, and what was recorded beside. */
async function record({ source }: Scene, shelf: string, others: readonly string[]): Promise<void> {
  const log = source.open();
  const receive = (): ReturnType<typeof sampleUnit> => sampleUnit([sampleEvent(shelf, 1)], { isCommutative: true });
  await log.push([receive(), sampleUnit([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)])], ANN);
  await log.push([receive()], BERT);
  await log.push([receive(), sampleUnit(others.map((id) => sampleEvent(id, 1)))], ANN);
  await source.insertBeside([sampleEvent(newOriginatorId(), 1)]);
}

/** A stop is kept, and seen again by the next run. @returns what both said */
async function stoppedTwice({ forwarding }: Scene): Promise<readonly ForwardStoppedError['details'][]> {
  const all: ForwardStoppedError['details'][] = [];
  for (let times = 0; times < 2; times++) {
    const error = (await forwarding.run()).failure?.error as ForwardStoppedError;
    expect(error).toBeInstanceOf(ForwardStoppedError);
    expect(error.code).toBe('FORWARD_STOPPED');
    const { reason, unit } = error.details;
    const stopped = {
      reason,
      message: error.message,
      ...(unit === undefined ? {} : { unit }),
      atMs: expect.any(Number),
    };
    expect((await forwarding.standing()).stopped).toEqual(stopped);
    all.push(error.details);
  }
  return all;
}

/** What is to be done then: it is given new tables, and has all of it there. */
async function expectRefilled(scene: Scene): Promise<void> {
  const target = await makePostgresLog(postgres.pool);
  scene.log = target.open();
  expect(await scene.forwarding.run()).toEqual({});
  await expectSame({ ...scene, target });
  Object.assign(scene, { target });
}

describe('a log that is brought into PostgreSQL', () => {
  test('is there as it was: ids, authors, editions, and the order of all', async () => {
    const scene = await openScene();
    await record(scene, newOriginatorId(), [newOriginatorId()]);
    await scene.forwarding.run();
    await expectSame(scene);
    // Nothing new: nothing is opened.
    scene.fails = 'before';
    await scene.forwarding.run();
    await record(scene, newOriginatorId(), [newOriginatorId(), newOriginatorId()]);
    await expect(scene.forwarding.run()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    await scene.forwarding.run();
    await expectSame(scene);
  });

  test(`is there once, wherever it was broken off (SEED=${SEED})`, { timeout: 120_000 }, async () => {
    const step = fc.constantFrom('record', 'run', 'before', 'after', 'forget');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 10 }), async (steps) => {
        const scene = await openScene();
        for (const one of steps) {
          if (one === 'record') await record(scene, newOriginatorId(), [newOriginatorId()]);
          // Killed after the push, before the place was kept.
          else if (one === 'forget') await scene.source.recorder.query('DELETE FROM daybook_forward');
          else if (one === 'run') await scene.forwarding.run();
          else {
            scene.fails = one;
            await scene.forwarding.run().catch((error: unknown) => expect(error).toBeInstanceOf(OperationalError));
            scene.fails = undefined;
          }
        }
        await scene.forwarding.run();
        await expectSame(scene);
      }),
      { seed: SEED, numRuns: 25 },
    );
  });

  test('goes on from its start when it was set back, and gets again what it had', async () => {
    const scene = await openScene();
    const { source } = scene;
    const shelf = newOriginatorId();
    const first = sampleUnit([sampleEvent(shelf, 1)]);
    await source.open().push([first], ANN);
    const restore = await source.backup();
    const second = sampleUnit([sampleEvent(shelf, 2)], { after: [first.id] });
    await source.open().push([second], ANN);
    await scene.forwarding.run();
    const place = await source.recorder.query('SELECT cursor, position FROM daybook_forward');
    await restore();
    // A backup of the log alone: where it had been brought to was not set back with it.
    expect((await source.recorder.query('SELECT cursor, position FROM daybook_forward')).rows).toEqual(place.rows);
    const other = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await source.open().push([second, other], ANN);
    await scene.forwarding.run();
    await expectSame(scene);
  });

  test('gets again what the other one has lost, and not more', async () => {
    const scene = await openScene();
    const { target } = scene;
    const restoreNothing = await target.backup();
    await record(scene, newOriginatorId(), [newOriginatorId()]);
    await scene.forwarding.run();
    const restore = await target.backup();
    await record(scene, newOriginatorId(), [newOriginatorId(), newOriginatorId()]);
    await scene.forwarding.run();
    for (const set of [restore, restoreNothing]) {
      await set();
      await scene.source.open().push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], BERT);
      await scene.forwarding.run();
      await expectSame(scene);
    }
  });

  test('stops where something else was recorded, passes nothing over, and fills new tables', async () => {
    const scene = await openScene();
    const shelf = newOriginatorId();
    const append = async (log: SqliteLogFixture, id = newOriginatorId()): Promise<string> => {
      const unit = sampleUnit([sampleEvent(id, 1)]);
      await log.open().push([unit], ANN);
      return unit.id;
    };
    await scene.target.insertBeside([sampleEvent(shelf, 1)]);
    await append(scene.source, shelf);
    await append(scene.source);
    expect((await stoppedTwice(scene))[0]).toEqual({ reason: 'differs', position: 1, here: 2 });
    expect(await scene.forwarding.standing()).toMatchObject({ position: 0, head: 2 });
    await expectRefilled(scene);
    // What took no place of it is no less foreign.
    for (let others = 0; others < 2; others++) await scene.target.insertBeside([sampleEvent(newOriginatorId(), 1)]);
    await append(scene.source);
    expect((await stoppedTwice(scene))[0]).toEqual({ reason: 'ahead', position: 4, here: 3 });
    await append(scene.source);
    expect((await stoppedTwice(scene))[0]).toEqual({ reason: 'differs', position: 4, here: 4 });
    await expectRefilled(scene);
  });

  test('stops where others are faster than it, in the place of an event, or before it', async () => {
    const scene = await openScene();
    const [shelf, other] = [newOriginatorId(), newOriginatorId()];
    const overtakenOn = async (id: string): Promise<readonly ForwardStoppedError['details'][]> => {
      const log = scene.target.open();
      let isFirst = true;
      scene.log = {
        news: (options) => log.news(options),
        push: async (...asked) => {
          if (isFirst) await scene.target.insertBeside([sampleEvent(id, 1)]);
          isFirst = false;
          return await log.push(...asked);
        },
      };
      return await stoppedTwice(scene);
    };
    const unit = sampleUnit([sampleEvent(shelf, 1)]);
    await scene.source.open().push([unit], ANN);
    expect((await overtakenOn(shelf))[0]).toEqual({ reason: 'conflict', unit: unit.id });
    await expectRefilled(scene);
    const next = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await scene.source.open().push([next], ANN);
    const [first, second] = await overtakenOn(other);
    expect(first).toEqual({ reason: 'differs', unit: next.id, position: 3, here: 2 });
    expect(second).toEqual({ reason: 'ahead', position: 3, here: 2 });
    await expectRefilled(scene);
  });

  test('waits for what it has lost itself, where the other one has it, and goes on when devices have brought it', async () => {
    const scene = await openScene();
    const { source } = scene;
    const units = [1, 2].map(() => sampleUnit([sampleEvent(newOriginatorId(), 1)]));
    const restore = await source.backup();
    await source.open().push(units, ANN);
    await scene.forwarding.run();
    await restore();
    expect((await stoppedTwice(scene))[0]).toMatchObject({ reason: 'ahead', position: 2, here: 0 });
    await source.open().push([...units, sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
    expect(await scene.forwarding.run()).toEqual({});
    await expectSame(scene);
  });

  test('stops at what the other one refuses, and says why', async () => {
    const scene = await openScene((target) => {
      const log = target.open();
      return {
        push: (units, sender) => log.push(units, sender, async () => ({ code: 'FULL', message: 'No room.' })),
        news: (options) => log.news(options),
      };
    });
    const unit = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await scene.source.open().push([unit], BERT);
    expect((await stoppedTwice(scene))[0]).toMatchObject({ reason: 'refused', unit: unit.id, refusal: 'FULL' });
    await expectRefilled(scene);
  });
});

test('a log moves from PostgreSQL into SQLite and back: both ends have one cursor, which is a hash of all', async () => {
  const scene = await openScene();
  await record(scene, newOriginatorId(), [newOriginatorId()]);
  const { source, target } = scene;
  const there = await copyLog(source.open(), target.open());
  await target.open().push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], BERT);
  await target.insertBeside([sampleEvent(newOriginatorId(), 1)]);
  const recorder = new SqliteProcessRecorder(await openNodeSqlite({ path: ':memory:' }));
  await recorder.createTable();
  const again = await makeSqliteLog(recorder);
  const back = await copyLog(target.open(), again.open());
  expect([there.units, back.units, back.position]).toEqual([there.units, there.units + 2, there.position + 2]);
  expect(await copyLog(target.open(), again.open())).toEqual({ ...back, units: 0 });
  const [theirs, ours] = [await readLog(target.open()), await readLog(again.open())];
  expect([ours.cursor, ours.cursor]).toEqual([theirs.cursor, back.cursor]);
  expect(said(ours.units)).toEqual(said(theirs.units));
  // The first one has something less: it is not another log, and gets the rest, too.
  expect(await copyLog(again.open(), source.open())).toMatchObject({ cursor: back.cursor, units: 2 });
  await source.open().push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], ANN);
  await expect(copyLog(again.open(), source.open())).rejects.toMatchObject({ details: { reason: 'ahead' } });
});
