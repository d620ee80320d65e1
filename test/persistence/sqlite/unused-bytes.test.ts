/** What SQLite leaves behind in its file is not in what is stored of it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { zeroUnused } from '../../../src/persistence/sqlite/unused-bytes.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { SqlJsImageDatabase } from '../../../src/persistence/sqlite/sqljs-database.js';

const SECRET = 'secret of ';

/** A view of people, who are written, written over, and deleted, so that rows move from page to page. */
function crowd(database: SqlJsImageDatabase, table: string, seed: number): void {
  let state = seed;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state % limit;
  };
  database.exec(table);
  database.exec('CREATE INDEX people_names ON people (name)');
  const insert = database.prepare('INSERT OR REPLACE INTO people VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM people WHERE id = ?');
  for (let turn = 0; turn < 3_000; turn++) {
    const id = `${below(1_000)}`.padStart(1 + below(12), '0');
    insert.run([id, `${SECRET}${turn}${'.'.repeat(below(200))}`]);
    if (below(9) === 0) remove.run([id]);
  }
}

const secretsIn = (file: Uint8Array): number => Buffer.from(file).toString('latin1').split(SECRET).length - 1;

const TABLES = [
  'CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT NOT NULL)',
  'CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID',
];

describe('of what was in rows that are written over', () => {
  test('nothing is in an image, and the image is the same database', async () => {
    // The first seed leaves copies, see the test below.
    for (const table of TABLES) {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 0x7fff_ffff }), async (seed) => {
          const database = await openSqlJs();
          crowd(database, table, seed);
          database.exec("UPDATE people SET name = 'nobody'");
          const image = database.serialize();
          expect(secretsIn(image)).toBe(0);
          const rows = database.prepare('SELECT * FROM people ORDER BY id').all([]);
          database.restore(image);
          expect(database.prepare('PRAGMA integrity_check').all([])).toEqual([['ok']]);
          expect(database.prepare('SELECT * FROM people ORDER BY id').all([])).toEqual(rows);
          database.close();
        }),
        { numRuns: 4, examples: [[1], [2]] },
      );
    }
  }, 60_000);

  test('SQLite leaves copies, though it is told to overwrite what is deleted: else nothing is tested here', async () => {
    const { default: initSqlJs } = await import('sql.js');
    const { Database } = await initSqlJs();
    const plain = new Database();
    plain.run('PRAGMA secure_delete = ON');
    const statements = (sql: string) => ({ run: (values: readonly unknown[]) => plain.run(sql, values as string[]) });
    crowd({ exec: (sql: string) => plain.run(sql), prepare: statements } as never, TABLES[0] as string, 1);
    plain.run("UPDATE people SET name = 'nobody'");
    expect(secretsIn(plain.export())).toBeGreaterThan(0);
  });
});

test.each([0, 99, 100, 4_096])('%i bytes that are no database stay as they are', (length) => {
  const bytes = new Uint8Array(length).fill(7);
  expect(zeroUnused(bytes.slice())).toEqual(bytes);
});
