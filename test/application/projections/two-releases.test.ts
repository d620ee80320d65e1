/**
 * A new release takes the view while the old one still works on it, on connections of their own: the new one is held at the
 * end of its transaction until the old one has run into it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readEvents } from '../../../src/application/log/event-pages.js';
import { InlineProjection } from '../../../src/application/projections/inline-projection.js';
import { applyPage } from '../../../src/application/projections/projection-applier.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import type { SqlProjection, SqlView } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { CountingWorld } from '../../../src/testing/conformance/counting-world.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { systemClock } from '../../../src/util/clock.js';
import { oneWhileOther } from '../../support/gated-recorder.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';

let fixture: PostgresFixture;
beforeAll(async () => {
  fixture = await openPostgres();
});
afterAll(async () => fixture.close());

function runnerOf(recorder: SqlRecorder, world: CountingWorld, projection: SqlProjection): ProjectionRunner<SqlView> {
  return new ProjectionRunner<SqlView>({
    projection,
    store: new SqlProjectionStore(recorder, projection),
    log: world.log,
  });
}

async function commitInline(recorder: SqlRecorder, world: CountingWorld, projection: SqlProjection): Promise<void> {
  const decode = (notification: Parameters<CountingWorld['decode']>[0]) => Promise.resolve(world.decode(notification));
  const event = world.next(newOriginatorId(), 1);
  await recorder.transaction(async (transaction) => {
    const [id = 0] = await transaction.insertEvents([event]);
    await new InlineProjection({ projection, recorder, decode }).onRecorded(transaction, [
      world.decode({ ...event, id }),
    ]);
  });
}

type Deed = (recorder: SqlRecorder, world: CountingWorld, projection: SqlProjection) => Promise<unknown>;

const OLD_DEEDS: Readonly<Record<string, Deed>> = {
  'takes events': (recorder, world, projection) => runnerOf(recorder, world, projection).catchUp(),
  'builds the view anew': (recorder, world, projection) => runnerOf(recorder, world, projection).rebuild(),
  'resets the view': (recorder, world, projection) => runnerOf(recorder, world, projection).reset(),
  'commits in line': commitInline,
};

/** How a new release takes the view; each ends its first transaction with it. */
const NEW_DEEDS: Readonly<Record<string, Deed>> = {
  'puts its view in the place': (recorder, _world, projection) =>
    new SqlProjectionStore(recorder, projection).promoteNext(),
  'resets the view': (recorder, _world, projection) => new SqlProjectionStore(recorder, projection).reset(),
};

const VERSIONS: Readonly<Record<string, number>> = { 'of the same version': 1, 'of a higher version': 2 };

describe.each(Object.entries(VERSIONS))('a new release %s', (_name, version) => {
  describe.each(Object.keys(NEW_DEEDS))('%s', (taking) => {
    test.each(Object.keys(OLD_DEEDS))('while the old one %s, which is refused, and changes nothing', async (deed) => {
      const { recorder } = fixture;
      const world = new CountingWorld(recorder);
      const thing = newOriginatorId();
      const old = world.sums();
      const changed = world.sums(undefined, 10);
      const added = `added_${world.name}`;
      const projection: SqlProjection = {
        ...changed,
        version,
        tables: { ...changed.tables, [added]: (table: string) => `CREATE TABLE ${table} (n BIGINT NOT NULL)` },
      };
      await world.find(thing, 1, 2);
      await runnerOf(recorder, world, old).catchUp();
      await world.find(thing, 3);
      if (taking !== 'resets the view') await buildNext(recorder, world, projection);
      const before = await recorder.maxNotificationId();

      const [taken, refused] = oneWhileOther(
        recorder,
        (one) => (NEW_DEEDS[taking] as Deed)(one, world, projection),
        (other) => (OLD_DEEDS[deed] as Deed)(other, world, old),
      );
      await expect(refused).rejects.toMatchObject({
        code: 'PROJECTION_REPLACED',
        details: { projection: old.name, version: 1, stored: version },
      });
      await taken;

      const stored = await recorder.selectNotifications({ start: before + 1, limit: 10 });
      expect(stored.map(({ id }) => id)).toEqual([]);
      await runnerOf(recorder, world, projection).catchUp();
      expect(await world.readSums(recorder)).toEqual({ [thing]: [60, 3] });
      expect((await recorder.query(`SELECT n FROM ${added}`)).rows).toEqual([]);
    });
  });
});

async function buildNext(recorder: SqlRecorder, world: CountingWorld, projection: SqlProjection): Promise<void> {
  const store = new SqlProjectionStore(recorder, projection);
  await store.beginNext();
  const head = await world.log.recorder.maxNotificationId();
  const page = await readEvents(world.log, { after: 0, head, limit: 100, topics: projection.topics });
  await store.transaction('next', (transaction) => applyPage(projection, transaction, page, systemClock));
}

test('the error names what to do, and the definition that a rollback brings back', async () => {
  const { recorder } = fixture;
  const world = new CountingWorld(recorder);
  const old = world.sums();
  const store = new SqlProjectionStore(recorder, { ...old, version: 7 });
  await store.setUp();
  const refused = runnerOf(recorder, world, old).rebuild();
  await expect(refused).rejects.toThrow(/End it.*Raise its version above 7.*rebuild\(\{ isRollback: true \}\)/);
  await runnerOf(recorder, world, old).rebuild({ isRollback: true });
  await expect(runnerOf(recorder, world, old).catchUp()).resolves.toBeUndefined();
});
