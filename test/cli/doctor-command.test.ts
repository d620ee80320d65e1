/** `daybook doctor` against real servers: one with safe settings, and the one of the tests, which has others. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { runCli } from '../../src/cli/run-cli.js';
import type { Diagnosis } from '../../src/operations/index.js';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { PgPool } from '../../src/persistence/postgres/index.js';
import { startEmbeddedPostgres } from '../../src/server/hosts/embedded-postgres.js';
import { PostgresUnitLog } from '../../src/server/log/postgres/postgres-unit-log.js';
import type { EmbeddedPostgresServer } from '../../src/server/hosts/embedded-postgres.js';
import { makeTenantRole } from '../support/postgres-roles.js';
import { makeEvents } from '../support/stored-events.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

const START_MS = 120_000;

let server: EmbeddedPostgresServer;
let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
let pool: PgPool;

beforeAll(async () => {
  folder = await makeTemporaryFolder();
  server = await startEmbeddedPostgres({ databaseDir: folder.path, initdbFlags: ['--no-sync'] });
  pool = await createPgPool({ connectionString: server.url });
  await new PostgresProcessRecorder({ pool, applicationName: 'shop' }).createTable();
}, START_MS);

afterAll(async () => {
  await pool.end();
  await server.close();
  await folder.remove();
});

async function ran(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCli(COMMANDS, ['doctor', ...args], {
    environment,
    packageFolder: '.',
    write: (line) => out.push(line),
    warn: (line) => err.push(line),
    signal: new AbortController().signal,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('ends with 0 where all is well, and says so in one line', async () => {
  const { code, out, err } = await ran(['--name', 'shop'], { DATABASE_URL: server.url });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^DAYBOOK OK - \d+ ok$/);
  const all = await ran(['--name', 'shop', '--all', '--database-url', server.url]);
  expect(all.out).toMatch(/^OK +setting: fsync is on\.$/m);
});

test('ends with 1 with warnings, and says what to do', async () => {
  await pool.query('ALTER TABLE shop_events SET (autovacuum_enabled = off)');
  const { code, out } = await ran(['--name', 'shop', '--database-url', server.url]);
  await pool.query('ALTER TABLE shop_events SET (autovacuum_enabled = on)');
  expect(code).toBe(1);
  expect(out.split('\n')).toEqual([
    expect.stringMatching(/^DAYBOOK WARNING - 1 warning, \d+ ok$/),
    'WARNING   vacuum: Autovacuum is switched off for shop_events: its statistics become old, and dead rows stay.',
    '          ALTER TABLE shop_events RESET (autovacuum_enabled).',
  ]);
});

test('ends with 2 where something is critical: settings of a server, a table that is not there, no server', async () => {
  const unsafe = await ran(['--database-url', inject('pgUrl')]);
  expect(unsafe.code).toBe(2);
  if (process.env['TEST_PG_URL'] === undefined) expect(unsafe.out).toContain('CRITICAL  setting: fsync is off');
  expect((await ran(['--name', 'shopp', '--database-url', server.url])).out).toContain('There is no table');
  const none = await ran(['--database-url', 'postgres://nobody@127.0.0.1:1/nowhere']);
  expect(none.code).toBe(2);
  expect(none.out).toContain('CRITICAL  connection: The database does not answer');
});

test('ends with 3 where nothing is wrong, and not all could be seen', async () => {
  await pool.query(
    `CREATE ROLE watcher LOGIN PASSWORD 'w'; CREATE TABLE event_outbox (status text, created_at timestamptz, position bigint)`,
  );
  const address = new URL(server.url);
  address.username = 'watcher';
  address.password = 'w';
  const { code, out } = await ran(['--name', 'shop', '--database-url', address.href]);
  expect(code).toBe(3);
  expect(out).toContain('UNKNOWN   outbox: It could not be seen: what waits in the outbox.');
  await pool.query('GRANT SELECT ON event_outbox TO watcher; GRANT pg_read_all_stats TO watcher');
  expect((await ran(['--name', 'shop', '--database-url', address.href])).code).toBe(0);
  await pool.query('DROP TABLE event_outbox; DROP ROLE watcher');
});

test('--tenant looks at what one of those has who share tables', async () => {
  const role = await makeTenantRole(pool);
  for (const [tenant, count] of [
    ['one', 3],
    ['other', 0],
  ] as const) {
    const shared = { tenant, role };
    const recorder = new PostgresProcessRecorder({ pool, applicationName: 'many', shared });
    await recorder.createTable();
    await new PostgresUnitLog({ recorder, name: 'daybook_many' }).createTables();
    await recorder.insertEvents(makeEvents(count));
  }
  const of = async (tenant: string): Promise<string> => {
    const line = ['--name', 'many', '--tenant', tenant, '--role', role, '--all', '--database-url', server.url];
    const { code, out } = await ran(line);
    // What the sessions of others do is not for the role of tenants to see.
    expect({ code, out }).toEqual({ code: 3, out: expect.stringMatching(/^DAYBOOK UNKNOWN - 1 unknown, \d+ ok$/m) });
    return out;
  };
  expect(await of('one')).toContain('has 0 events; 3 that were recorded beside it are not in it yet');
  expect(await of('other')).toContain('has 0 events; 0 that were recorded beside it are not in it yet');
});

test('a slot of replication that has lost what its follower needs is critical', async () => {
  await pool.query(`SELECT pg_create_physical_replication_slot('left_behind', true)`);
  await pool.query(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`);
  await pool.query('SELECT pg_reload_conf()');
  // Each begins the next file of the server's log, of 16 MB; what is kept is looked at with a checkpoint.
  for (let files = 0; files < 4; files++) {
    await pool.query(`CREATE TABLE filled AS SELECT generate_series(1, 1000) AS n`);
    await pool.query('DROP TABLE filled');
    await pool.query('SELECT pg_switch_wal()');
    await pool.query('CHECKPOINT');
  }
  const { code, out } = await ran(['--name', 'shop', '--database-url', server.url]);
  await pool.query(`SELECT pg_drop_replication_slot('left_behind')`);
  await pool.query('ALTER SYSTEM RESET max_slot_wal_keep_size');
  await pool.query('SELECT pg_reload_conf()');
  expect({ code, out }).toEqual({
    code: 2,
    out: expect.stringContaining('CRITICAL  slot: The slot left_behind has lost what its follower needs'),
  });
}, 60_000);

test('--json is one object', async () => {
  const { code, out } = await ran(['--name', 'shop', '--json', '--database-url', server.url]);
  const { level, findings } = JSON.parse(out) as Diagnosis;
  expect({ code, level }).toEqual({ code: 0, level: 'ok' });
  expect(findings.find(({ subject }) => subject === 'fsync')).toEqual({
    check: 'setting',
    level: 'ok',
    subject: 'fsync',
    message: 'fsync is on.',
    details: { value: 'on', source: 'default' },
  });
});

test.each([
  [[]],
  [['--database-url', '']],
  [['--database-url', 'postgres://a/b', '--timeout', '0']],
  [['--database-url', 'postgres://a/b', '--timeout', 'soon']],
  [['--database-url', 'postgres://a/b', '--name', 'n'.repeat(64)]],
  [['--database-url', 'postgres://a/b', '--outbox', 'no; table']],
  [['--database-url', 'postgres://a/b', '--tenant', '']],
  [['--database-url', 'postgres://a/b', '--role', 'somebody']],
  [['--database-url', 'postgres://a/b', 'more']],
  [['--databaseurl', 'postgres://a/b']],
])('%j is wrong, and ends with 3: what is unknown to a monitor is not critical', async (args) => {
  const { code, out, err } = await ran(args);
  expect({ code, out }).toEqual({ code: 3, out: '' });
  expect(err).toMatch(/^daybook doctor: .+\nSee daybook doctor --help\.$/s);
});
