/** `daybook doctor` against real servers: one with safe settings, and the one of the tests, which has others. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { runCli } from '../../src/cli/run-cli.js';
import type { Diagnosis } from '../../src/operations/index.js';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { PgPool } from '../../src/persistence/postgres/index.js';
import { startEmbeddedPostgres } from '../../src/server/hosts/embedded-postgres.js';
import type { EmbeddedPostgresServer } from '../../src/server/hosts/embedded-postgres.js';
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
  [['--database-url', 'postgres://a/b', 'more']],
  [['--databaseurl', 'postgres://a/b']],
])('%j is wrong, and ends with 3: what is unknown to a monitor is not critical', async (args) => {
  const { code, out, err } = await ran(args);
  expect({ code, out }).toEqual({ code: 3, out: '' });
  expect(err).toMatch(/^daybook doctor: .+\nSee daybook doctor --help\.$/s);
});
