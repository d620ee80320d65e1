/**
 * States in Node and the same documents by hand: in a table of their own beside them, with indexes of their own, read by
 * statements that the driver has prepared once.
 *
 * @module
 */
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { FIELDS, fillStates, SQLITE_BY_HAND, sqliteByHand, stock } from '../runner/stock-states.js';
import type { FindSides, FoundBy, FoundItem, StockItem } from '../runner/stock-states.js';

/** Both sides, until they are closed. */
export interface OpenedSides extends FindSides {
  close(): Promise<void>;
}

/** `node:sqlite`, on a file. */
export async function sqliteSides(path: string, items: readonly FoundItem[]): Promise<OpenedSides> {
  const database = await openNodeSqlite({ path });
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const states = await fillStates(recorder, items);
  const byHand = new DatabaseSync(path);
  for (const sql of SQLITE_BY_HAND) byHand.exec(sql);
  byHand.exec('INSERT INTO stock_by_hand SELECT id, version, data FROM state_stock');
  const statements = Object.fromEntries(FIELDS.map((field) => [field, byHand.prepare(sqliteByHand(field))]));
  return {
    ours: (field, value) => states.find(stock, { where: { [field]: value } }),
    theirs: (field, value) =>
      (statements[field]?.all(value) ?? []).map(({ id, version, data }) => ({
        id: id as string,
        version: version as number,
        data: JSON.parse(data as string) as StockItem,
      })),
    async close() {
      byHand.close();
      database.close();
    },
  };
}

/** PostgreSQL. By hand with `pg`, as it comes, whose names keep plans. */
export async function postgresSides(url: string, items: readonly FoundItem[]): Promise<OpenedSides> {
  const pool = await createPgPool({ connectionString: url });
  const recorder = new PostgresProcessRecorder({ pool, applicationName: 'stock' });
  await recorder.createTable();
  const states = await fillStates(recorder, items);
  const byHand = new pg.Pool({ connectionString: url });
  await byHand.query('CREATE TABLE stock_by_hand (id TEXT PRIMARY KEY, version INTEGER NOT NULL, data JSONB NOT NULL)');
  await byHand.query('INSERT INTO stock_by_hand SELECT id, version, data FROM state_stock');
  for (const field of FIELDS) await byHand.query(`CREATE INDEX ON stock_by_hand (${typed(field)}, id)`);
  for (const table of ['state_stock', 'stock_by_hand']) await byHand.query(`VACUUM ANALYZE ${table}`);
  return {
    ours: (field, value) => states.find(stock, { where: { [field]: value } }),
    async theirs(field, value) {
      const text = `SELECT id, version, data FROM stock_by_hand WHERE ${typed(field)} = $1 ORDER BY id`;
      return (await byHand.query<FoundItem>({ name: field, text, values: [value] })).rows;
    },
    async close() {
      await byHand.end();
      await pool.end();
    },
  };
}

/** A field as whoever knows its type would write it. */
function typed(field: FoundBy): string {
  return field === 'shelf' ? "((data ->> 'shelf')::int)" : `((data ->> '${field}') COLLATE "C")`;
}
