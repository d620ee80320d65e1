/** Several logs in one PostgreSQL: what is kept beside the events of one is not taken for another one's. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { InlineProjection } from '../../../src/application/projections/inline-projection.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import type { SqlView } from '../../../src/application/projections/projection.js';
import { SqlProjectionStore } from '../../../src/application/projections/sql-projection-store.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { SqlCommitIds } from '../../../src/persistence/sql/sql-commit-ids.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../../src/persistence/sql/sql-snapshot-store.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { CountingWorld } from '../../../src/testing/conformance/counting-world.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { stockIdOf, testStock } from '../../../src/testing/conformance/order-world.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';

let fixture: PostgresFixture;
beforeAll(async () => {
  fixture = await openPostgres();
});
afterAll(async () => fixture.close());

/** Two logs of one database: by schema, and by the application's name. */
const LOGS: Readonly<Record<string, () => Promise<readonly [SqlRecorder, SqlRecorder]>>> = {
  'of two schemas': async () => {
    const recorders = [];
    for (const schema of [uniqueName(), uniqueName()]) {
      await fixture.pool.query(`CREATE SCHEMA ${schema}`);
      recorders.push(await fixture.make({ schema, applicationName: 'shop' }));
    }
    return recorders as unknown as readonly [SqlRecorder, SqlRecorder];
  },
  'of two applications': async () => [await fixture.make(), await fixture.make()],
};

type SetUp = (recorder: SqlRecorder, table: string, world: CountingWorld) => Promise<unknown>;

const KEPT: Readonly<Record<string, SetUp>> = {
  'an outbox': (recorder, table) => new SqlOutbox({ recorder, table }).createTables(),
  'an event index': (recorder, table) => new SqlEventIndex({ recorder, table }).createTables(),
  'ids of commits': (recorder, table) => new SqlCommitIds({ recorder, table }).createTables(),
  'the view of a projection': (recorder, _table, world) =>
    new ProjectionRunner<SqlView>({
      projection: world.sums(),
      store: new SqlProjectionStore(recorder, world.sums()),
      log: { ...world.log, recorder },
    }).catchUp(),
  'the view of a projection in line': (recorder, _table, world) =>
    new InlineProjection({
      projection: world.sums(),
      recorder,
      decode: (stored) => Promise.resolve(world.decode(stored)),
    }).setUp(),
};

describe.each(Object.entries(LOGS))('logs %s', (_name, open) => {
  test.each(Object.entries(KEPT))('do not share %s', async (_kept, setUp) => {
    const [one, other] = await open();
    const world = new CountingWorld(one);
    await world.find(newOriginatorId(), 1);
    const table = uniqueName();
    await setUp(one, table, world);
    const refused = setUp(other, table, world);
    await expect(refused).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    const { details, message } = (await refused.catch((error: unknown) => error)) as {
      details: Readonly<Record<string, string>>;
      message: string;
    };
    expect(details['owner']).not.toBe(details['log']);
    expect(message).toContain(details['owner']);
    // Whoever owns it goes on, with another object, as after a restart.
    await setUp(one, table, world);
  });

  test('set up at once, and one of them has it', async () => {
    const pair = await open();
    const table = uniqueName();
    const outcomes = await Promise.allSettled(
      [...pair, ...pair].map((recorder) => new SqlOutbox({ recorder, table }).createTables()),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
  });

  test('may share snapshots, each of which is known by its last event', async () => {
    const [one, other] = await open();
    const table = uniqueName();
    const nails = stockIdOf('nails');
    const apps = [];
    for (const recorder of [one, other]) {
      const store = new SqlSnapshotStore({ recorder, table });
      await store.createTables();
      apps.push(new Application({ recorder, aggregates: [testStock], snapshots: { store, interval: 1 } }));
    }
    for (const [index, app] of apps.entries()) {
      await app.execute(testStock, nails, { type: 'Add', data: { quantity: index + 1 } });
      await app.takeSnapshot(testStock, nails);
    }
    const states = await Promise.all(apps.map(async (app) => (await app.repository.load(testStock, nails)).state));
    expect(states).toMatchObject([{ free: 1 }, { free: 2 }]);
  });
});

test('a schema of its own, or a search path, gives each log what it needs', async () => {
  const table = uniqueName();
  const world = new CountingWorld(fixture.recorder);
  for (const schema of [uniqueName(), uniqueName()]) {
    await fixture.pool.query(`CREATE SCHEMA ${schema}`);
    const address = new URL(fixture.url);
    address.searchParams.set('options', `-c search_path=${schema}`);
    const pool = await createPgPool({ connectionString: address.href });
    try {
      const recorder = new PostgresProcessRecorder({ pool, applicationName: 'shop' });
      await recorder.createTable();
      for (const [index, setUp] of Object.values(KEPT).entries()) await setUp(recorder, `${table}_${index}`, world);
      // By its schema, too, it is the same log.
      const named = new PostgresProcessRecorder({ pool, schema, applicationName: 'shop' });
      await new SqlOutbox({ recorder: named, table: `${table}_0` }).createTables();
    } finally {
      await pool.end();
    }
  }
});

test('whoever may not write down an owner is let in as before', async () => {
  const { pool, url } = fixture;
  const [schema, role] = [uniqueName(), uniqueName()];
  await pool.query(`CREATE SCHEMA ${schema}`);
  const owner = await fixture.make({ schema, applicationName: 'shop' });
  const options = { table: 'event_outbox', schema };
  await new SqlOutbox({ recorder: owner, ...options }).createTables();
  await pool.query(`DROP TABLE ${schema}.daybook_logs`);
  await pool.query(`CREATE ROLE ${role} LOGIN PASSWORD 'worker'`);
  await pool.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
  await pool.query(`GRANT ALL ON ALL TABLES IN SCHEMA ${schema} TO ${role}`);
  const address = new URL(url);
  [address.username, address.password] = [role, 'worker'];
  const own = await createPgPool({ connectionString: address.href });
  try {
    const recorder = new PostgresProcessRecorder({ pool: own, schema, applicationName: 'shop' });
    await new SqlOutbox({ recorder, ...options }).createTables();
  } finally {
    await own.end();
  }
});

test('a database with one log has no owners', async () => {
  const database = await openSqlJs();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  await new SqlOutbox({ recorder }).createTables();
  const { rows } = await recorder.query("SELECT name FROM sqlite_master WHERE name = 'daybook_logs'");
  expect(rows).toEqual([]);
  database.close();
});
