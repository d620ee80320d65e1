import { beforeAll, describe, expect, test } from 'vitest';
import { openTab } from '../../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../../support/own-tables-tab.js';
import { SharedJournal } from '../../../support/shared-journal.js';

const journal = new SharedJournal();
let tab: OwnTablesTab;

beforeAll(async () => {
  tab = await openTab(journal);
  await tab.recorder.transaction(async ({ connection }) => {
    await connection.query('CREATE TABLE own (id INTEGER PRIMARY KEY AUTOINCREMENT, value)');
    await connection.query('CREATE VIEW seen AS SELECT * FROM own');
  });
});

const NOT_SUPPORTED = [
  'BEGIN', 'begin immediate', 'COMMIT', 'END', 'ROLLBACK', 'SAVEPOINT a', 'RELEASE a', '/* */ -- x\n Begin',
  "ATTACH 'other' AS other", 'DETACH main', 'VACUUM', 'VACUUM INTO \'x\'', 'ANALYZE', 'REINDEX',
  'PRAGMA user_version = 3', 'PRAGMA table_info(own)', 'PRAGMA writable_schema = ON',
  'CREATE TRIGGER t AFTER INSERT ON own BEGIN DELETE FROM own; END', 'CREATE TEMP TRIGGER t AFTER INSERT ON own BEGIN SELECT 1; END',
  'DROP TRIGGER t', 'CREATE VIRTUAL TABLE v USING fts5(a)', 'CREATE TEMP TABLE x (a)', 'CREATE TEMPORARY VIEW x AS SELECT 1',
  'CREATE TABLE temp.x (a)', 'CREATE TABLE x AS SELECT 1', 'CREATE TABLE IF NOT EXISTS main.x AS SELECT 1',
  'CREATE TABLE x (a REFERENCES own (id) DEFERRABLE INITIALLY DEFERRED)', 'ALTER TABLE own ADD COLUMN p REFERENCES own (id) DEFERRABLE INITIALLY DEFERRED',
  'CREATE TABLE x (a UNIQUE ON CONFLICT ROLLBACK)', 'INSERT OR ROLLBACK INTO own VALUES (1, 1)', 'UPDATE OR ROLLBACK own SET id = 1',
  'CREATE TABLE x (rowid, _rowid_, "OID")',
  'EXPLAIN PRAGMA recursive_triggers = OFF', 'EXPLAIN QUERY PLAN PRAGMA foreign_keys = OFF', 'EXPLAIN BEGIN', 'EXPLAIN', 'EXPLAIN QUERY PLAN',
  'SELECT * FROM pragma_optimize', 'SELECT * FROM "Pragma_Optimize"(0x10002)', "SELECT * FROM 'pragma_optimize'", 'CREATE VIEW o AS SELECT * FROM pragma_optimize',
]; // prettier-ignore
const PROGRAMMING_ERROR = [
  '', ' -- nothing', ';', 'SELECT 1; SELECT 2', 'SELECT 1; DELETE FROM own', 'SELECT 1\0; DROP TABLE own',
  'INSERT INTO stored_events VALUES (1, 1, 1, 1, 1)', 'UPDATE stored_events SET topic = 1', 'DELETE FROM "Stored_Events"', 'DELETE FROM main.tracking',
  'WITH x AS (SELECT 1) DELETE FROM stored_events', 'REPLACE INTO tracking VALUES (1, 1)', "INSERT INTO tracking VALUES ('a', 1) ON CONFLICT DO NOTHING",
  'DROP TABLE stored_events', 'DROP TABLE IF EXISTS main."tracking"', "DROP TABLE 'tracking'", 'ALTER TABLE stored_events ADD COLUMN x', 'ALTER TABLE tracking RENAME TO x',
  'CREATE INDEX i ON stored_events (topic)', 'CREATE UNIQUE INDEX IF NOT EXISTS main.i ON tracking (notification_id)', 'CREATE TABLE daybook_x (a)', 'CREATE TABLE sqlite_x (a)', 'ALTER TABLE own RENAME TO daybook_own',
  'UPDATE sqlite_sequence SET seq = 0', 'DELETE FROM sqlite_sequence', 'DELETE FROM temp.daybook_changes', 'UPDATE daybook_capture SET is_active = 0',
  'SELECT $1', 'SELECT :a', 'SELECT @a', 'SELECT $a', 'SELECT ?0', 'CREATE TABLE x (a DEFAULT ?)',
]; // prettier-ignore
const OPERATIONAL_ERROR = [
  'SELEC 1 FROM',
  'SELECT * FROM missing',
  'INSERT INTO seen VALUES (1, 2)',
  'DELETE FROM sqlite_schema',
  'SELECT (',
  "SELECT 'open",
];

const run = (sql: string): Promise<unknown> => tab.recorder.transaction(({ connection }) => connection.query(sql));

describe('a statement is refused before anything is stored', () => {
  test.each(NOT_SUPPORTED)('as not supported: %s', async (sql) => {
    await expect(run(sql)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  test.each(PROGRAMMING_ERROR)('as a mistake: %s', async (sql) => {
    await expect(run(sql)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  test.each(OPERATIONAL_ERROR)('by SQLite: %s', async (sql) => {
    await expect(run(sql)).rejects.toMatchObject({ name: expect.stringMatching(/Error$/) });
  });

  test('and leaves one record, in which nothing of it is', async () => {
    await Promise.allSettled([...NOT_SUPPORTED, ...PROGRAMMING_ERROR, ...OPERATIONAL_ERROR].map(run));
    expect(journal.records).toHaveLength(1);
    expect(
      (
        await tab.recorder.query(
          "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND name NOT LIKE 'daybook%'",
        )
      ).rows,
    ).toHaveLength(4);
  });

  test('and the transaction goes on without it', async () => {
    await tab.recorder.transaction(async ({ connection }) => {
      await expect(connection.query('VACUUM')).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
      await expect(connection.query('CREATE TABLE x (rowid, _rowid_, oid)')).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
      });
      await connection.query("INSERT INTO own (value) VALUES ('kept')");
    });
    expect((await tab.recorder.query('SELECT value FROM own')).rows).toEqual([{ value: 'kept' }]);
    await tab.recorder.transaction(({ connection }) => connection.query('DELETE FROM own'));
  });
});

describe('a query outside of a transaction', () => {
  test.each([
    'INSERT INTO own (value) VALUES (1)', 'WITH x AS (SELECT 1) INSERT INTO own SELECT *, 1 FROM x', 'DELETE FROM own RETURNING *',
    'CREATE TABLE x (a)', 'DROP TABLE own', 'PRAGMA user_version = 1', 'BEGIN', 'SELECT * FROM pragma_optimize(3)',
  ])('is refused when it would write: %s', async (sql) => {
    await expect(tab.recorder.query(sql)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  }); // prettier-ignore

  test('reads whatever SQL can', async () => {
    const read = async (sql: string, values: readonly unknown[] = []): Promise<unknown> =>
      (await tab.recorder.query(sql, values)).rows;
    expect(await read('SELECT $2 AS a, $1 AS b, $2 AS c', ['x', 'y'])).toEqual([{ a: 'y', b: 'x', c: 'y' }]);
    expect(await read('SELECT ? AS a, ? AS b', [1, null])).toEqual([{ a: 1, b: null }]);
    expect(await read('SELECT ?2 AS a, ?1 AS b;', [true, undefined])).toEqual([{ a: null, b: 1 }]);
    expect(await read('SELECT \'$1 ?\' AS a, "b" AS b FROM (SELECT 1 AS b) -- ?')).toEqual([{ a: '$1 ?', b: 1 }]);
    expect(await read('VALUES (1), (2)')).toEqual([{ column1: 1 }, { column1: 2 }]);
    expect(await read('EXPLAIN QUERY PLAN SELECT * FROM own WHERE id = ?', [1])).toHaveLength(1);
    expect(await read("SELECT name FROM pragma_table_info('own')")).toEqual([{ name: 'id' }, { name: 'value' }]);
    expect(await read('SELECT CAST($1 AS INTEGER) = 4611686018427387904 AS same', [2n ** 62n])).toEqual([{ same: 1 }]);
  });

  test.each([[[]], [[1, 2]], [[new Date()]], [[{}]]])('refuses values that do not fit: %j', async (values) => {
    await expect(tab.recorder.query('SELECT $1', values)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});
