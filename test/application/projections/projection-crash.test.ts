/**
 * A projection that is killed at every call it makes, before and after the database has heard of it, and started again:
 * every event counts once.
 */
import { describe, expect, test } from 'vitest';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import type { SqlView } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { CountingWorld } from '../../../src/testing/conformance/counting-world.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { killedRecorder, KilledError } from '../../support/fault-recorder.js';
import type { KillPlan } from '../../support/fault-recorder.js';
import { openPostgres } from '../../support/postgres-fixture.js';

// More than a run makes: the last round is one that nothing happens to.
const CALLS_MAX = 200;

type Work = (runner: ProjectionRunner<SqlView>) => Promise<void>;

interface Scene {
  /** What went well before. */
  readonly before: Work;
  /** What is killed, and done again. */
  readonly work: Work;
}

function runnerOn(recorder: SqlRecorder, world: CountingWorld): ProjectionRunner<SqlView> {
  const projection = world.sums(({ data }) => {
    if (data.many < 0) throw new RangeError('never taken');
  });
  return new ProjectionRunner<SqlView>({
    projection,
    store: new SqlProjectionStore(recorder, projection),
    log: { ...world.log, recorder },
    batchEventsMax: 2,
    onFailure: { attemptsMax: 1 },
  });
}

/** @returns whether it was killed */
async function killedIn(recorder: SqlRecorder, world: CountingWorld, plan: KillPlan, work: Work): Promise<boolean> {
  const killed = killedRecorder(recorder, plan);
  await work(runnerOn(killed.recorder, world)).catch((error: unknown) => {
    if (!(error instanceof KilledError)) throw error;
  });
  return killed.calls() >= plan.atCall;
}

async function expectExactlyOnce(
  recorder: SqlRecorder,
  when: KillPlan['when'],
  { before, work }: Scene,
): Promise<number> {
  for (let atCall = 1; atCall <= CALLS_MAX; atCall++) {
    const world = new CountingWorld(recorder);
    const [good, bad] = [newOriginatorId(), newOriginatorId()];
    // In one commit: a world for each kill makes many of them.
    const [, , , failed] = await recorder.insertEvents([
      ...[1, 2, 3].map((many) => world.next(good, many)),
      world.next(bad, -5),
      world.next(good, 4),
      world.next(bad, 6),
    ]);
    await before(runnerOn(recorder, world));
    const wasKilled = await killedIn(recorder, world, { atCall, when }, work);
    const runner = runnerOn(recorder, world);
    await work(runner);
    const where = `killed ${when} call ${atCall}`;
    expect(await world.readSums(recorder), where).toEqual({ [good]: [10, 4] });
    const letters = await runner.deadLetters.list();
    expect(
      letters.map(({ status }) => status),
      where,
    ).toEqual(['failed', 'waiting']);
    expect(letters[0]?.notificationId, where).toBe(failed);
    if (!wasKilled) return atCall;
  }
  throw new Error('The run makes more calls than the test expects.');
}

const SCENES: Readonly<Record<string, Scene>> = {
  'catching up': { before: async () => undefined, work: (runner) => runner.catchUp() },
  // To catch up before is no part of what is killed: that is the scene above.
  'building anew': { before: (runner) => runner.catchUp(), work: (runner) => runner.rebuild() },
};

describe.each(Object.entries(SCENES))('%s, killed at every call', (_name, scene) => {
  test.each(['before', 'after'] as const)('%s the database hears of it, on SQLite', async (when) => {
    const database = await openSqlJs();
    const inner = new SqliteProcessRecorder(database);
    await inner.createTable();
    const calls = await expectExactlyOnce(inner, when, scene);
    expect(calls).toBeGreaterThan(20);
  });

  test.each(['before', 'after'] as const)('%s the database hears of it, on PostgreSQL', async (when) => {
    await using fixture = await openPostgres();
    const calls = await expectExactlyOnce(fixture.recorder, when, scene);
    expect(calls).toBeGreaterThan(20);
  });
});
