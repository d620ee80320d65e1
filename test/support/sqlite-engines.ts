import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import type { ConnectionContext } from '../../src/testing/conformance/connection-cases.js';
import type { TransactionContext } from '../../src/testing/conformance/transaction-cases.js';
import { callbackSqlite } from './callback-sqlite.js';
import { makeTemporaryFolder } from './temporary-folder.js';

/** One way to have SQLite: opens connections to one database. */
export interface SqliteEngine {
  connect(): Promise<SqliteDatabase>;
  /** After the connections are closed. */
  remove(): Promise<void>;
}

let names = 0;

/** The engines, each of which makes a database of its own. */
export const SQLITE_ENGINES: Readonly<Record<string, () => Promise<SqliteEngine>>> = {
  'SQLite on sql.js': async () => inMemory(openSqlJs),
  'node:sqlite, file (WAL)': async () => {
    const folder = await makeTemporaryFolder();
    const path = join(folder.path, 'events.sqlite');
    return {
      connect: () => openNodeSqlite({ path }),
      remove: () => rm(folder.path, { recursive: true }),
    };
  },
  'node:sqlite, memory': async () => inMemory(() => openNodeSqlite({ path: ':memory:' })),
  'node:sqlite, named memory': async () => {
    const path = `file:test${++names}?mode=memory&cache=shared`;
    return inMemory(() => openNodeSqlite({ path }));
  },
  'node:sqlite, transactions as callbacks': async () =>
    inMemory(async () => callbackSqlite(await openNodeSqlite({ path: ':memory:' }))),
};

/** Engines whose database several connections can share. */
export const SHARED_ENGINES: readonly string[] = ['node:sqlite, file (WAL)', 'node:sqlite, named memory'];

/** What the suites of a process recorder need, on one engine. */
export async function openSqliteContext(
  engine: SqliteEngine,
): Promise<TransactionContext<SqliteDatabase> & ConnectionContext & { close(): Promise<void> }> {
  const database = await engine.connect();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return {
    recorder,
    ...ownTable(database),
    async connect() {
      const connection = await engine.connect();
      return { recorder: new SqliteProcessRecorder(connection), close: async () => connection.close() };
    },
    async close() {
      database.close();
      await engine.remove();
    },
  };
}

function ownTable(
  database: SqliteDatabase,
): Pick<TransactionContext<SqliteDatabase>, 'setUpOwnTable' | 'insertOwnRow' | 'ownRows'> {
  return {
    async setUpOwnTable() {
      database.exec('CREATE TABLE IF NOT EXISTS own (value TEXT NOT NULL)');
    },
    async insertOwnRow(connection, value) {
      connection.prepare('INSERT INTO own (value) VALUES (?)').run([value]);
    },
    async ownRows() {
      const statement = database.prepare('SELECT value FROM own ORDER BY rowid');
      const rows = statement.all([]);
      statement.free();
      return rows.map(([value]) => value as string);
    },
  };
}

function inMemory(connect: () => Promise<SqliteDatabase>): SqliteEngine {
  return { connect, remove: () => Promise.resolve() };
}
