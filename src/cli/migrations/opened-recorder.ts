/**
 * The database that a command is about.
 *
 * @module
 */
import { EXPECTED_ADDRESS, postgresAddress, sqlitePath } from '../../configuration/database-address.js';
import { NotSupportedError } from '../../persistence/errors.js';
import { createPgPool, PostgresProcessRecorder } from '../../persistence/postgres/index.js';
import type { PostgresPool } from '../../persistence/postgres/index.js';
import { openNodeSqlite } from '../../persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../persistence/sqlite/sqlite-recorder.js';
import { usageError } from '../command.js';
import type { RecorderWithTables } from './named-tables.js';

/** A recorder, and what ends its connections. */
export interface OpenedRecorder {
  readonly recorder: RecorderWithTables;
  close(): Promise<void>;
}

/** Which tables the events are in. */
export interface RecorderNames {
  readonly applicationName: string | undefined;
  readonly schema: string | undefined;
}

// One has the turn, one works.
const POOL = { poolSize: 2, maxOverflow: 0, poolTimeoutMs: 10_000 };

/** @throws a usage error when the address is none */
export async function openRecorder(address: string, names: RecorderNames): Promise<OpenedRecorder> {
  const url = postgresAddress(address);
  if (url !== undefined) {
    const pool = await createPgPool({ connectionString: url, ...POOL });
    return { recorder: new PostgresProcessRecorder({ pool, ...named(names) }), close: () => pool.end() };
  }
  const path = sqlitePath(address);
  if (path === undefined) {
    throw usageError(`--database-url: ${EXPECTED_ADDRESS.postgres}; or ${EXPECTED_ADDRESS.sqlite}.`);
  }
  if (names.schema !== undefined) throw usageError('--schema: SQLite has none.');
  const database = await openNodeSqlite({ path });
  const close = (): Promise<void> => {
    database.close();
    return Promise.resolve();
  };
  return { recorder: new SqliteProcessRecorder(database), close };
}

/** A recorder that says what its tables are made of, and has no database. */
export async function describedRecorder(engine: string, names: RecorderNames): Promise<OpenedRecorder> {
  if (engine === 'sqlite') return await openRecorder(':memory:', names);
  if (engine !== 'postgres') throw usageError('--engine: postgres or sqlite.');
  const none = (): Promise<never> => Promise.reject(new NotSupportedError('There is no database here.'));
  const pool: PostgresPool = { query: none, connect: none };
  return { recorder: new PostgresProcessRecorder({ pool, ...named(names) }), close: () => Promise.resolve() };
}

function named({ applicationName, schema }: RecorderNames): { applicationName?: string; schema?: string } {
  return { ...(applicationName === undefined ? {} : { applicationName }), ...(schema === undefined ? {} : { schema }) };
}
