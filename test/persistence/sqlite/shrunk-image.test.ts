/** An image has no pages that are free, where they were a good part of it. */
import { expect, test } from 'vitest';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';

const count = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)';

test('it becomes smaller when most rows are gone, and is the same database: the numbers of rows, sequences, statements', async () => {
  const database = await openSqlJs();
  for (const table of [
    'bare (v)',
    'keyed (k TEXT PRIMARY KEY, v)',
    'counted (id INTEGER PRIMARY KEY AUTOINCREMENT, v)',
  ]) {
    database.exec(`CREATE TABLE ${table}`);
  }
  for (const table of ['bare (v)', 'counted (v)']) {
    database.exec(`INSERT INTO ${table} ${count} SELECT printf('%.200c', 'x') FROM n`);
  }
  database.exec(`INSERT INTO keyed ${count} SELECT 'key ' || i, printf('%.200c', 'x') FROM n`);
  const select = database.prepare('SELECT rowid, length(v) FROM bare ORDER BY rowid');
  const tables = ['bare', 'keyed', 'counted'];
  const rows = (): unknown =>
    tables.map((table) => database.prepare(`SELECT rowid, * FROM ${table} ORDER BY rowid`).all([]));
  const before = database.serialize();
  for (const table of tables) database.exec(`DELETE FROM ${table} WHERE rowid % 500 <> 250 OR rowid > 3900`);
  const left = rows();
  const image = database.serialize();
  expect(image.length).toBeLessThan(before.length / 20);
  expect(rows()).toEqual(left);
  expect(select.all([])).toHaveLength(8);
  database.exec("INSERT INTO counted (v) VALUES ('y')");
  expect(database.prepare('SELECT max(id) FROM counted').all([])).toEqual([[4_001]]);
  database.restore(image);
  expect(rows()).toEqual(left);
  expect(database.prepare('PRAGMA integrity_check').all([])).toEqual([['ok']]);
  database.close();
});

test('it stays as it is while little of it is free', async () => {
  const database = await openSqlJs();
  database.exec('CREATE TABLE bare (v)');
  database.exec(`INSERT INTO bare ${count} SELECT printf('%.200c', 'x') FROM n`);
  const before = database.serialize();
  database.exec('DELETE FROM bare WHERE rowid > 3400');
  expect(database.serialize().length).toBe(before.length);
  database.close();
});
