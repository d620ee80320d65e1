/**
 * Logs of units in SQLite to test, wherever it is.
 *
 * @module
 */
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { SqliteUnitLog } from '../../src/server/log/sqlite/sqlite-unit-log.js';
import type { SqliteUnitLogOptions } from '../../src/server/log/sqlite/sqlite-unit-log.js';
import type { UnitLogContext } from '../../src/testing/conformance/unit-log-cases.js';

let copies = 0;

/** A log in SQLite. */
export interface SqliteLogFixture extends UnitLogContext {
  readonly recorder: SqlRecorder;
  readonly open: (options?: Partial<SqliteUnitLogOptions>) => SqliteUnitLog;
}

/** Makes the tables of a log on a recorder whose tables are there. */
export async function makeSqliteLog(recorder: SqlRecorder): Promise<SqliteLogFixture> {
  const open = (options: Partial<SqliteUnitLogOptions> = {}): SqliteUnitLog =>
    new SqliteUnitLog({ recorder, ...options });
  await open().createTables();
  const events = recorder.dialect.eventsTable ?? '';
  const all = [events, 'sqlite_sequence', ...open().tables.creations.map(({ name }) => `"${name}"`)];
  const there = await recorder.query("SELECT name FROM sqlite_schema WHERE type = 'table'");
  const names = new Set(there.rows.map(({ name }) => String(name)));
  const tables = all.filter((table) => names.has(table.replaceAll('"', '')));
  return {
    ...{ recorder, open },
    insertBeside: async (inserted) => {
      await recorder.insertEvents(inserted);
    },
    backup: async () => {
      const copied = tables.map((table) => [table, `copy_${++copies}`] as const);
      await recorder.transaction(async ({ connection }) => {
        for (const [table, copy] of copied) await connection.query(`CREATE TABLE ${copy} AS SELECT * FROM ${table}`);
      });
      return async () =>
        await recorder.transaction(async ({ connection }) => {
          for (const [table, copy] of copied) {
            await connection.query(`DELETE FROM ${table}`);
            await connection.query(`INSERT INTO ${table} SELECT * FROM ${copy}`);
          }
        });
    },
  };
}
