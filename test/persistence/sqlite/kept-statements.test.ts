/** What is asked again is not compiled again, and answers as if it were. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { SqliteDatabase, SqliteStatement } from '../../../src/persistence/sqlite/sqlite-driver.js';
import { openNodeSqlite } from '../../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';

const ENGINES: Readonly<Record<string, () => Promise<SqliteDatabase>>> = {
  'sql.js': () => openSqlJs(),
  'node:sqlite': () => openNodeSqlite({ path: ':memory:' }),
};

interface Opened {
  readonly recorder: SqliteProcessRecorder;
  readonly database: SqliteDatabase;
  /** What was compiled, and how often. */
  readonly compiled: ReadonlyMap<string, number>;
  /** Compiled, and not freed. */
  readonly held: ReadonlySet<string>;
}

describe.each(Object.entries(ENGINES))('statements of the caller on %s', (_engine, open) => {
  async function opened(): Promise<Opened> {
    const database = await open();
    onTestFinished(() => database.close());
    const compiled = new Map<string, number>();
    const held = new Set<string>();
    const prepare = database.prepare.bind(database);
    database.prepare = (sql: string): SqliteStatement => {
      compiled.set(sql, (compiled.get(sql) ?? 0) + 1);
      held.add(sql);
      const statement = prepare(sql);
      const free = statement.free.bind(statement);
      statement.free = () => {
        held.delete(sql);
        free();
      };
      return statement;
    };
    const recorder = new SqliteProcessRecorder(database);
    await recorder.query('CREATE TABLE items (id TEXT PRIMARY KEY, quantity INTEGER)');
    return { recorder, database, compiled, held };
  }

  test('are compiled once, with whatever values', async () => {
    const { recorder, compiled } = await opened();
    for (const [id, quantity] of [
      ['nails', 1],
      ['screws', 2],
    ]) {
      await recorder.query('INSERT INTO items VALUES ($1, $2)', [id, quantity]);
    }
    const found = async (least: number): Promise<readonly unknown[]> =>
      (await recorder.query('SELECT id FROM items WHERE quantity >= $1 ORDER BY id', [least])).rows;
    expect([await found(1), await found(2), await found(3)]).toEqual([
      [{ id: 'nails' }, { id: 'screws' }],
      [{ id: 'screws' }],
      [],
    ]);
    expect(compiled.get('SELECT id FROM items WHERE quantity >= ? ORDER BY id')).toBe(1);
    expect(compiled.get('INSERT INTO items VALUES (?, ?)')).toBe(1);
  });

  test('see another schema, and another table of that name', async () => {
    const { recorder } = await opened();
    const all = (): Promise<readonly unknown[]> => recorder.query('SELECT * FROM items').then(({ rows }) => rows);
    const quantities = (): Promise<readonly unknown[]> =>
      recorder.query('SELECT quantity FROM items').then(({ rows }) => rows);
    await recorder.query("INSERT INTO items VALUES ('nails', 1)");
    expect([await all(), await quantities()]).toEqual([[{ id: 'nails', quantity: 1 }], [{ quantity: 1 }]]);
    await recorder.query("ALTER TABLE items ADD COLUMN shelf TEXT DEFAULT 'A1'");
    expect([await all(), await quantities()]).toEqual([[{ id: 'nails', quantity: 1, shelf: 'A1' }], [{ quantity: 1 }]]);
    await recorder.query('DROP TABLE items');
    await expect(quantities()).rejects.toThrow('no such table: items');
    await recorder.query('CREATE TABLE items (quantity TEXT)');
    await recorder.query("INSERT INTO items VALUES ('many')");
    expect([await all(), await quantities()]).toEqual([[{ quantity: 'many' }], [{ quantity: 'many' }]]);
  });

  test('go on after one that failed', async () => {
    const { recorder } = await opened();
    const insert = (id: string): Promise<unknown> => recorder.query('INSERT INTO items VALUES ($1, 1)', [id]);
    await insert('nails');
    await expect(insert('nails')).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    await insert('screws');
    expect((await recorder.query('SELECT count(*) AS n FROM items')).rows).toEqual([{ n: 2 }]);
  });

  test('that are pragmas take effect each time', async () => {
    const { recorder } = await opened();
    const timeout = async (): Promise<unknown> =>
      Object.values((await recorder.query('PRAGMA busy_timeout')).rows[0] ?? {})[0];
    // Obeyed when it is compiled.
    for (const wanted of [10, 20, 10, 20]) {
      await recorder.query(`PRAGMA busy_timeout = ${wanted}`);
      expect(await timeout()).toBe(wanted);
    }
  });

  test('are freed when a hundred others were asked for, and those that are not kept at once', async () => {
    const { recorder, held } = await opened();
    for (let number = 0; number < 250; number++) await recorder.query(`SELECT ${number} AS n`);
    expect([...held].filter((sql) => sql.startsWith('SELECT'))).toHaveLength(100);
    expect((await recorder.query('SELECT 0 AS n')).rows).toEqual([{ n: 0 }]);
    await recorder.query('SELECT * FROM items');
    await recorder.query('PRAGMA foreign_keys');
    expect(held).not.toContain('SELECT * FROM items');
    expect(held).not.toContain('PRAGMA foreign_keys');
  });
});
