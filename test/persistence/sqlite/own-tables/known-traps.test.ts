import { expect, test } from 'vitest';
import { openTab } from '../../../support/own-tables-tab.js';
import { SharedJournal } from '../../../support/shared-journal.js';
import { dumpTables, withoutUnits } from '../../../support/table-dump.js';

/** What changes rows or values in a way that is easily missed: the tables and rows that there are, then the statements. */
const TRAPS: Readonly<Record<string, readonly [before: readonly string[], trap: readonly string[]]>> = {
  'REPLACE deletes rows that it does not name': [
    ['CREATE TABLE t (a PRIMARY KEY, b UNIQUE)', "INSERT INTO t VALUES (1, 'x'), (2, 'y')"],
    ["REPLACE INTO t VALUES (1, 'y')", "UPDATE OR REPLACE t SET a = 3", "INSERT OR REPLACE INTO t VALUES (4, 'y')"],
  ],
  'a constraint that replaces, or ignores': [
    ['CREATE TABLE t (a UNIQUE ON CONFLICT REPLACE, b UNIQUE ON CONFLICT IGNORE)', 'INSERT INTO t VALUES (1, 1), (2, 2)'],
    ['INSERT INTO t VALUES (1, 3), (4, 2)', 'UPDATE t SET a = 2 WHERE b = 3'],
  ],
  'chance and time': [
    ["CREATE TABLE t (a DEFAULT (random()), b DEFAULT CURRENT_TIMESTAMP, c DEFAULT (datetime('now', 'subsec')))"],
    ['INSERT INTO t DEFAULT VALUES', 'INSERT INTO t (a) SELECT randomblob(8) FROM t', 'UPDATE t SET b = random()'],
  ],
  'DELETE without WHERE': [
    ['CREATE TABLE t (a)', 'INSERT INTO t VALUES (1), (2), (3)'],
    ['DELETE FROM t', 'INSERT INTO t VALUES (4)'],
  ],
  'a table without rowids, whose key has a collation': [
    ['CREATE TABLE t (a TEXT COLLATE NOCASE, b, c, PRIMARY KEY (a, b)) WITHOUT ROWID', "INSERT INTO t VALUES ('x', 1, 1), ('y', 1, 2)"],
    ["UPDATE t SET a = upper(a)", "UPDATE t SET a = CASE a WHEN 'x' THEN 'z' ELSE 'X' END", "INSERT INTO t VALUES ('Z', 1, 5) ON CONFLICT DO UPDATE SET c = excluded.c, a = excluded.a"],
  ],
  'keys without a type, which are numbers, texts of digits, and bytes': [
    ['CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID', 'CREATE TABLE s (a ANY, c ANY, b ANY, PRIMARY KEY (c, a)) STRICT, WITHOUT ROWID',
      "INSERT INTO t VALUES (1, 1), ('1', 2), (x'31', 3), (2.5, 4), ('2.5', 5), (9223372036854775807, 6), (9223372036854775807.0, 7), ('', 8), (x'', 9)", "INSERT INTO s SELECT a, '1', b FROM t UNION ALL SELECT a, 1, b FROM t"],
    ["UPDATE t SET b = 'i' WHERE typeof(a) = 'integer'", "UPDATE s SET b = 'r' WHERE typeof(a) = 'real'", "DELETE FROM s WHERE typeof(a) = 'integer' AND c = 1", "DELETE FROM t WHERE typeof(a) = 'real'", "UPDATE t SET a = 3.0 WHERE b = 3"],
  ],
  'unique values that rows exchange': [
    ['CREATE TABLE t (a PRIMARY KEY, b UNIQUE)', "INSERT INTO t VALUES (1, 'x'), (2, 'y')"],
    ["UPDATE t SET b = 'free' WHERE a = 1", "UPDATE t SET b = 'x' WHERE a = 2", "UPDATE t SET b = 'y' WHERE a = 1"],
  ],
  'a row that refers to itself, and cascades': [
    ['CREATE TABLE t (id INTEGER PRIMARY KEY, up REFERENCES t (id) ON UPDATE CASCADE ON DELETE CASCADE)', 'INSERT INTO t VALUES (1, 1), (2, 1), (3, 2)'],
    ['UPDATE t SET id = 5 WHERE id = 1', 'INSERT INTO t VALUES (8, 8), (9, 8)', 'DELETE FROM t WHERE id = 8'],
  ],
  'cascades to other tables, from a table that is dropped too': [
    ['CREATE TABLE p (id INTEGER PRIMARY KEY, code UNIQUE)', 'CREATE TABLE c (id REFERENCES p (id) ON DELETE CASCADE, code REFERENCES p (code) ON DELETE SET NULL ON UPDATE CASCADE)',
      "INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO c VALUES (1, 'a'), (1, 'b'), (2, 'a'), (NULL, 'c')"],
    ["UPDATE p SET code = code || '!'", 'DELETE FROM p WHERE id = 1', 'UPDATE c SET id = NULL', 'DROP TABLE p'],
  ],
  'values that drivers change': [
    ['CREATE TABLE t (a, b REAL, c TEXT, d NUMERIC)'],
    ['INSERT INTO t VALUES (1.0, 1, 1, 1.0), (-0.0, -0.0, -0.0, -0.0), (9e999, -9e999, 3e9, 3e9), (3000000000, 1e300, 5e-324, 0.1)',
      'INSERT INTO t (a) VALUES (9223372036854775807), (-9223372036854775808), (9007199254740993), (CAST(4611686018427387905 AS TEXT))',
      "INSERT INTO t VALUES ('', x'', x'00', char(0)), (CAST(x'6100ff' AS TEXT), CAST(x'00' AS TEXT), 'a' || char(0) || 'b', NULL)"],
  ],
  'rowids: given, changed, and of tables that hide them': [
    ['CREATE TABLE t (a)', 'CREATE TABLE h (rowid, oid)', 'INSERT INTO t VALUES (1), (2)', 'INSERT INTO h VALUES (1, 2), (3, 4)'],
    ['UPDATE t SET rowid = rowid + 100', 'INSERT INTO t (rowid, a) VALUES (-5, 3)', 'UPDATE h SET rowid = 9 WHERE oid = 4', 'UPDATE h SET _rowid_ = 7 WHERE oid = 2', 'DELETE FROM t WHERE a = 2'],
  ],
  'AUTOINCREMENT: numbers are not given twice, also those of rows that are gone': [
    ['CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)', "INSERT INTO t (a) VALUES ('x')"],
    ["INSERT INTO t (a) VALUES ('y'), ('z')", 'DELETE FROM t WHERE id > 1', "INSERT OR IGNORE INTO t (a) VALUES ('x')"],
  ],
  'AUTOINCREMENT of a statement that fails half-way, and leaves its first rows but no number': [
    ['CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)'],
    ["INSERT OR FAIL INTO t (a) VALUES ('x'), ('x')"],
  ],
  'AUTOINCREMENT of a table that is made anew': [
    ['CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)', 'INSERT INTO t VALUES (2)'],
    ['DROP TABLE t', 'CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)', 'INSERT INTO t VALUES (1), (2)', 'DELETE FROM t WHERE id = 2'],
  ],
  'generated columns, and STRICT': [
    ['CREATE TABLE t (a INTEGER, s TEXT AS (a || a) STORED UNIQUE, v INT AS (a * 2), x ANY) STRICT', "INSERT INTO t (a, x) VALUES (1, 1), (2, '2')"],
    ['UPDATE t SET a = a + 10, x = 1.0', "INSERT INTO t (a, x) VALUES (1, x'00')"],
  ],
  'rows between changes of the schema': [
    ["CREATE TABLE t (a, b DEFAULT 'b')", 'INSERT INTO t (a) VALUES (1)'],
    ['INSERT INTO t (a) VALUES (2)', "ALTER TABLE t ADD COLUMN c DEFAULT 'c'", 'UPDATE t SET c = a', 'ALTER TABLE t RENAME COLUMN a TO z', 'ALTER TABLE t DROP COLUMN b',
      'UPDATE t SET z = z + 1', 'ALTER TABLE t RENAME TO "the \'t\'"', 'INSERT INTO "the \'t\'" DEFAULT VALUES', 'CREATE UNIQUE INDEX i ON "the \'t\'" (z, c) WHERE z IS NOT NULL', 'CREATE VIEW v AS SELECT * FROM "the \'t\'"'],
  ],
  'an index that stays although an ALTER TABLE after it failed': [
    ['CREATE TABLE t (a, b AS (a))'],
    ['CREATE INDEX i ON t (a)', 'ALTER TABLE t DROP COLUMN a', 'INSERT INTO t VALUES (1)'],
  ],
  'a check that may fail the next time': [
    ['CREATE TABLE t (a CHECK (a <> 0), b CHECK (typeof(b) <> abs(random() % 1)))'],
    ['INSERT INTO t VALUES (1, 2)', 'UPDATE t SET a = 2'],
  ],
}; // prettier-ignore

test.each(Object.entries(TRAPS))('%s', async (_name, [before, trap]) => {
  const journal = new SharedJournal();
  const [tab, other] = [await openTab(journal), await openTab(journal)];
  await tab.recorder.transaction(async ({ connection }) => {
    for (const sql of before) await connection.query(sql);
  });
  const failures: string[] = [];
  const seen = await tab.recorder.transaction(async ({ connection }) => {
    for (const sql of trap) await connection.query(sql).catch(() => failures.push(sql));
    return withoutUnits(dumpTables(tab.database));
  });
  // Only those that are meant to.
  expect(failures).toEqual(trap.filter((sql) => /DROP COLUMN a$|OR FAIL/.test(sql)));
  const after = dumpTables(tab.database);
  expect(withoutUnits(after)).toBe(seen);
  other.recorder.noteHead(journal.records.length);
  await other.recorder.query('SELECT 1');
  expect(dumpTables(other.database)).toBe(after);
  expect(dumpTables((await openTab(journal)).database)).toBe(after);
});
