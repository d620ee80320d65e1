/** `daybook migrate` and `daybook schema`, as a command line runs them, on a file of SQLite and in a real PostgreSQL. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { runCli } from '../../src/cli/run-cli.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

async function daybook(...args: readonly string[]): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCli(COMMANDS, args, {
    environment: {},
    packageFolder: '.',
    write: (line) => out.push(line),
    warn: (line) => err.push(line),
    signal: new AbortController().signal,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

let folder: string;
beforeEach(async () => {
  const made = await makeTemporaryFolder();
  onTestFinished(made.remove);
  folder = made.path;
});

const write = (file: string, sql: string): Promise<void> => writeFile(join(folder, file), sql);

describe.each([['SQLite'], ['PostgreSQL']])('daybook migrate on %s', (engine) => {
  test('creates, plans, applies, shows, and takes back', async () => {
    const id = uniqueName();
    const url = engine === 'SQLite' ? `sqlite:///${folder}/app.db` : postgres.url;
    const of = [
      '--database-url',
      url,
      '--folder',
      join(folder, 'm'),
      '--ledger',
      `${id}_ledger`,
      '--name',
      id,
    ] as const;
    const events = engine === 'SQLite' ? 'stored_events' : `${id}_events`;
    const made = await daybook('migrate', 'create', 'orders', '--folder', join(folder, 'm'));
    expect(made).toMatchObject({
      code: 0,
      out: `${join(folder, 'm/0001_orders.up.sql')}\n${join(folder, 'm/0001_orders.down.sql')}`,
    });
    expect(await daybook('migrate', 'plan', ...of)).toMatchObject({
      code: 1,
      err: expect.stringContaining('has no statement'),
    });
    await write('m/0001_orders.up.sql', `CREATE TABLE ${id} (id TEXT PRIMARY KEY)`);
    await write('m/0001_orders.down.sql', `DROP TABLE ${id}`);
    await write('m/0002_order.up.sql', `INSERT INTO ${id} VALUES ('first')`);
    await write('m/0002_order.down.sql', `DELETE FROM ${id}`);
    await write('m/README.md', 'No migration.');

    const plan = await daybook('migrate', 'plan', ...of);
    expect(plan.out).toContain(`-- Daybook's own: ${events}`);
    expect(plan.out).toContain(`-- up 1 orders, in a transaction\nCREATE TABLE ${id} (id TEXT PRIMARY KEY);\n`);
    expect(await daybook('migrate', 'status', '--check', ...of)).toMatchObject({
      code: 3,
      out: expect.stringContaining('2  order: pending'),
    });
    expect((await daybook('migrate', 'up', ...of)).out).toMatch(/^up 1 orders in \d+ ms\nup 2 order in \d+ ms$/);
    expect(await daybook('migrate', 'up', ...of)).toEqual({ code: 0, out: 'Nothing was to be done.', err: '' });
    const status = await daybook('migrate', 'status', '--check', ...of);
    expect(status).toMatchObject({ code: 0, out: expect.stringContaining(`daybook  ${events}: there\n`) });
    expect(status.out).toMatch(/1 {2}orders: applied {2}\d{4}-/);
    expect(JSON.parse((await daybook('migrate', 'status', '--json', ...of)).out)).toMatchObject({ isCurrent: true });

    expect(await daybook('migrate', 'down', ...of)).toMatchObject({
      code: 1,
      err: expect.stringContaining('may lose data'),
    });
    expect((await daybook('migrate', 'plan', '--down', '--to', '0', '--lose-data', ...of)).out).toBe(
      `-- down 2 order, in a transaction\nDELETE FROM ${id};\n\n-- down 1 orders, in a transaction\nDROP TABLE ${id};\n`,
    );
    const back = await daybook('migrate', 'down', '--to', '0', '--lose-data', '--json', ...of);
    expect(JSON.parse(back.out)).toMatchObject([{ version: 2 }, { version: 1 }]);

    expect((await daybook('migrate', 'up', '--to', '1', ...of)).out).toMatch(/^up 1 /);
    await write('m/0001_orders.up.sql', `-- Orders.\nCREATE TABLE ${id} (id TEXT PRIMARY KEY)`);
    expect(await daybook('migrate', 'up', ...of)).toMatchObject({ code: 1, err: expect.stringContaining('accept(1)') });
    expect((await daybook('migrate', 'accept', '1', ...of)).code).toBe(0);
    expect((await daybook('migrate', 'up', ...of)).out).toMatch(/^up 2 /);
    expect(await daybook('migrate', 'resolve', '2', 'applied', ...of)).toMatchObject({
      code: 1,
      err: expect.stringContaining('not broken off'),
    });
  });
});

describe('daybook migrate', () => {
  const none = ['--database-url', 'sqlite:///./none.db'] as const;

  test.each([
    [[], 'One of up'],
    [['sideways'], 'One of up'],
    [['up', 'now'], 'One of up'],
    [['resolve', '1'], 'One of up'],
    [['up', '--fast'], "Unknown option '--fast'"],
    [['up', '--to'], '--to'],
    [['up', '--lose-data', ...none], '--lose-data means nothing'],
    [['status', '--to', '1', ...none], '--to means nothing'],
    [['create'], 'one name'],
    [['create', 'a', 'b'], 'one name'],
    [['create', 'a', '--to', '1'], '--to means nothing'],
    [['up'], '--database-url or DATABASE_URL'],
    [['up', '--database-url', 'mysql://localhost/app'], '--database-url'],
    [['up', '--to', 'first', '--database-url', ':memory:'], 'whole number'],
    [['up', '--schema', 's', '--database-url', ':memory:'], 'SQLite has none'],
    [['up', '--tables', 'evnets', '--database-url', ':memory:'], 'no tables "evnets"'],
    [['up', '--tables', 'units', '--database-url', ':memory:'], 'no tables "units"'],
    [['resolve', '1', 'done', '--database-url', ':memory:'], 'applied or reverted'],
    [['up', '--wait-seconds', '-1', '--database-url', ':memory:'], 'wait-seconds'],
  ])('%j is wrong', async (args, why) => {
    const given = args.includes(':memory:') ? [...args, '--folder', folder] : args;
    expect(await daybook('migrate', ...given)).toMatchObject({ code: 2, out: '', err: expect.stringContaining(why) });
  });

  test.each([
    ['orders.sql', 'is not named as a migration is'],
    ['1-orders.up.sql', 'is not named as a migration is'],
    ['0001_orders.down.sql', 'has no 0001_orders.up.sql'],
  ])('refuses a folder with %s', async (file, why) => {
    await write(file, 'SELECT 1');
    const ran = await daybook('migrate', 'up', '--folder', folder, '--database-url', ':memory:');
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining(why) });
  });

  test('refuses two of one version, a folder that is not there, and a name that none can have', async () => {
    await write('0001_a.up.sql', 'SELECT 1');
    await write('1_b.up.sql', 'SELECT 1');
    const up = (from: string): Promise<Ran> => daybook('migrate', 'up', '--folder', from, '--database-url', ':memory:');
    expect(await up(folder)).toMatchObject({
      code: 1,
      err: expect.stringContaining('Two migrations have the version 1'),
    });
    expect(await up(join(folder, 'none'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no folder'),
    });
    expect(await daybook('migrate', 'create', 'a b', '--folder', folder)).toMatchObject({ code: 1 });
    expect((await daybook('migrate', 'create', 'c', '--folder', folder)).out).toContain('0002_c.up.sql');
    expect(await readdir(folder)).toHaveLength(4);
    expect(await readFile(join(folder, '0002_c.up.sql'), 'utf8')).toContain('no-transaction');
  });
});

describe('daybook schema', () => {
  test('prints what createTables makes, whole, so that it may be made by hand', async () => {
    const [byHand, byProgram] = [uniqueName(), uniqueName()];
    await write('0001_orders.up.sql', 'CREATE TABLE orders (id TEXT PRIMARY KEY)');
    for (const schema of [byHand, byProgram]) await postgres.pool.query(`CREATE SCHEMA ${schema}`);
    const { code, out } = await daybook('schema', '--schema', byHand, '--name', 'shop', '--folder', folder);
    expect(code).toBe(0);
    const client = await postgres.pool.connect();
    await client.query(`SET search_path = ${byHand};\n${out};\nRESET search_path`);
    client.release();
    const url = new URL(postgres.url);
    url.searchParams.set('options', `-c search_path=${byProgram}`);
    const ran = await daybook(
      ...['migrate', 'up', '--database-url', url.href, '--schema', byProgram, '--name', 'shop'],
      ...['--tables', 'all', '--folder', folder],
    );
    expect(ran).toMatchObject({ code: 0, err: '' });
    const shown = async (schema: string): Promise<readonly string[]> => {
      const { rows } = await postgres.pool.query(
        `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS line
           FROM information_schema.columns WHERE table_schema = $1 AND table_name <> 'migration_ledger'
         UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename <> 'migration_ledger' ORDER BY 1`,
        [schema],
      );
      return rows.map(({ line }) => String(line).replaceAll(`${schema}.`, ''));
    };
    const printed = await shown(byHand);
    expect(printed.length).toBeGreaterThan(100);
    expect(printed).toEqual(await shown(byProgram));
    expect(out).not.toContain('pg_advisory');
  });

  test('prints SQLite’s, of which nothing is of PostgreSQL alone', async () => {
    const { out } = await daybook('schema', '--engine', 'sqlite');
    expect(out).toContain('CREATE TABLE IF NOT EXISTS "stored_events"');
    expect(out).not.toMatch(/BYTEA|daybook_logs|_units/);
  });

  test('prints views that a module names, archives, and a ledger by its name', async () => {
    const module = `export const views = async ({ dialect }) => [
      { creations: [{ name: 'stock', sql: \`CREATE TABLE stock_of_\${dialect.name} (id TEXT)\` }] } ]`;
    await write('views.mjs', module);
    await write('0001_orders.up.sql', 'CREATE TABLE orders (id TEXT PRIMARY KEY)');
    const of = [
      '--tables',
      'none',
      '--views',
      join(folder, 'views.mjs'),
      '--archive',
      '--ledger',
      'done',
      '--folder',
      folder,
    ];
    const { out } = await daybook('schema', '--engine', 'sqlite', ...of);
    for (const line of [
      'CREATE TABLE stock_of_sqlite (id TEXT);',
      'CREATE TABLE orders',
      'stored_events_archived',
      '"done"',
    ]) {
      expect(out).toContain(line);
    }
    expect(out).toContain("VALUES ('application', 1, 'orders', ");
    const lean = (await daybook('schema', '--tables', 'none')).out;
    expect(lean).toBe('');
    const all = (await daybook('schema')).out;
    expect(all).not.toMatch(/_archive|ledger/);
    await write('none.mjs', 'export const other = 1');
    for (const [args, why] of [
      [['--views', join(folder, 'none.mjs')], 'exports no function views'],
      [['--ledger', 'done'], '--folder'],
    ] as const) {
      expect(await daybook('schema', ...args)).toMatchObject({ code: 2, err: expect.stringContaining(why) });
    }
    await write('wrong.mjs', 'export const views = () => [{}]');
    expect(await daybook('schema', '--views', join(folder, 'wrong.mjs'))).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('SqlProjectionStore') },
    });
  });

  test.each([
    [['--engine', 'mysql'], '--engine'],
    [['--tables', 'x'], 'no tables "x"'],
    [['now'], 'now'],
  ])('%j is wrong', async (args, why) => {
    expect(await daybook('schema', ...args)).toMatchObject({ code: 2, err: expect.stringContaining(why) });
  });
});
