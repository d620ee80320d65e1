import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import postgres from 'postgres';
import { PostgresProcessRecorder, postgresJsPool } from '../../src/persistence/postgres/index.js';
import { openPostgres, ownSchemaUrl, uniqueName } from './postgres-fixture.js';
import { SQLITE_ENGINES } from './sqlite-engines.js';

/** A recorder with SQL, and what it takes with it when it is closed. */
export interface OpenedSqlRecorder {
  readonly recorder: SqlRecorder;
  close(): Promise<void>;
}

/** Engines with SQL in Node, by name. Each call makes a database, or tables, of its own. */
export const SQL_RECORDERS: Readonly<Record<string, () => Promise<OpenedSqlRecorder>>> = {
  ...Object.fromEntries(
    ['SQLite on sql.js', 'node:sqlite, file (WAL)', 'node:sqlite, transactions as callbacks'].map(
      (name) => [name, () => openSqlite(name)] as const,
    ),
  ),
  PostgreSQL: async () => {
    const { recorder, close } = await openPostgres();
    return { recorder, close };
  },
  'PostgreSQL, by postgres': async () => {
    // A schema of its own: what names its tables plainly would meet those of the engine before.
    const url = await ownSchemaUrl();
    const pool = postgresJsPool((settings) => postgres(url, settings));
    const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
    await recorder.createTable();
    return { recorder, close: () => pool.end() };
  },
};

async function openSqlite(name: string): Promise<OpenedSqlRecorder> {
  const makeEngine = SQLITE_ENGINES[name];
  if (makeEngine === undefined) throw new Error(`There is no engine "${name}".`);
  const engine = await makeEngine();
  const database = await engine.connect();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return {
    recorder,
    async close() {
      database.close();
      await engine.remove();
    },
  };
}
