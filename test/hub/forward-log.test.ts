/** A log that is brought into PostgreSQL: once, in its order, wherever it was broken off. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ForwardStoppedError, LogForwarding } from '../../src/hub/forward-log.js';
import type { ForwardTarget } from '../../src/hub/forward-log.js';
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
}

async function openScene(pushed?: (target: PostgresLogFixture) => ForwardTarget['log']): Promise<Scene> {
  const recorder = new SqliteProcessRecorder(await openNodeSqlite({ path: ':memory:' }));
  await recorder.createTable();
  const [source, target] = [await makeSqliteLog(recorder), await makePostgresLog(postgres.pool)];
  const log = pushed?.(target) ?? target.open();
  const scene: Scene = {
    ...{ source, target, fails: undefined },
    forwarding: new LogForwarding(recorder, source.open(), {
      open: async () => ({
        log: {
          push: async (...asked) => {
            const gone = new OperationalError('The other log is out of reach.');
            const { fails } = scene;
            scene.fails = undefined;
            if (fails === 'before') throw gone;
            const outcome = await log.push(...asked);
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

  test('stops where something else stands in its place, and passes nothing over', async () => {
    const scene = await openScene();
    const shelf = newOriginatorId();
    await scene.target.insertBeside([sampleEvent(shelf, 1)]);
    const [hers, his] = [sampleUnit([sampleEvent(shelf, 1)]), sampleUnit([sampleEvent(newOriginatorId(), 1)])];
    await scene.source.open().push([hers, his], ANN);
    for (let times = 0; times < 2; times++) {
      const error = await scene.forwarding.run().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ForwardStoppedError);
      expect(error).toMatchObject({ code: 'FORWARD_STOPPED', details: { unit: hers.id } });
    }
    expect(await scene.forwarding.standing()).toEqual({ position: 0, head: 2 });
  });

  test('stops at what the other one refuses, and says why', async () => {
    const scene = await openScene((target) => {
      const log = target.open();
      return { push: (units, sender) => log.push(units, sender, async () => ({ code: 'FULL', message: 'No room.' })) };
    });
    const unit = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await scene.source.open().push([unit], BERT);
    await expect(scene.forwarding.run()).rejects.toMatchObject({ details: { unit: unit.id, code: 'FULL' } });
  });
});
