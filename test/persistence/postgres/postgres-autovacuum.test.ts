/** What autovacuum does by itself to tables of events: in a server of its own, where it looks every second. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';
import { startEmbeddedPostgres } from '../../../src/server/hosts/embedded-postgres.js';
import type { EmbeddedPostgresServer } from '../../../src/server/hosts/embedded-postgres.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../../support/temporary-folder.js';

const START_MS = 120_000;
const PATIENCE_MS = 60_000;

let server: EmbeddedPostgresServer;
let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let pool: PgPool;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  const postgresFlags = [...FAST_POSTGRES.postgresFlags, '-c', 'autovacuum_naptime=1s'];
  server = await startEmbeddedPostgres({ databaseDir: folder.path, ...FAST_POSTGRES, postgresFlags });
  pool = await createPgPool({ connectionString: server.url });
}, START_MS);

afterAll(async () => {
  await pool.end();
  await server.close();
  await folder.remove();
});

async function countsOf(table: string): Promise<Readonly<Record<string, number>>> {
  const { rows } = await pool.query(
    `SELECT autoanalyze_count::int AS analyzed, autovacuum_count::int AS vacuumed, n_dead_tup::int AS dead
     FROM pg_stat_user_tables WHERE relname = $1`,
    [table],
  );
  return rows[0] as Readonly<Record<string, number>>;
}

const fill = (table: string, rows: number): string =>
  `INSERT INTO ${table} (originator_id, originator_version, topic, state)
   SELECT gen_random_uuid(), 1, 'a:b', '' FROM generate_series(1, ${rows})`;

test(
  'statistics come by themselves; a vacuum does not come for dead rows that are few, and comes for what was added',
  async () => {
    await new PostgresProcessRecorder({ pool, applicationName: 'shop' }).createTable();
    // As the Python library 9.2 makes it.
    await pool.query('CREATE TABLE old_events (LIKE shop_events INCLUDING ALL) WITH (autovacuum_enabled = false)');
    await pool.query(
      `${fill('shop_events', 900)}; DELETE FROM shop_events WHERE ctid IN (SELECT ctid FROM shop_events LIMIT 300)`,
    );
    await pool.query(`CREATE TABLE plain (LIKE shop_events INCLUDING ALL); ${fill('plain', 900)};
      DELETE FROM plain WHERE ctid IN (SELECT ctid FROM plain LIMIT 300)`);
    // With PostgreSQL's own settings so many dead rows are enough.
    await expect.poll(() => countsOf('plain'), { timeout: PATIENCE_MS }).toMatchObject({ vacuumed: 1, dead: 0 });
    expect(await countsOf('shop_events')).toMatchObject({ vacuumed: 0, dead: 300 });

    await pool.query(`${fill('shop_events', 20_000)}; ${fill('old_events', 20_000)}`);
    await expect
      .poll(
        async () => {
          const { analyzed = 0, vacuumed = 0 } = await countsOf('shop_events');
          return analyzed > 0 && vacuumed > 0;
        },
        { timeout: PATIENCE_MS },
      )
      .toBe(true);
    expect(await countsOf('old_events')).toMatchObject({ analyzed: 0, vacuumed: 0 });
  },
  2 * PATIENCE_MS,
);
