/**
 * The store that a command is about.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import type { ParseArgsOptionsConfig } from 'node:util';
import { createPgPool, PostgresProcessRecorder } from '../persistence/postgres/index.js';
import { openNodeSqlite } from '../persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../persistence/sqlite/sqlite-recorder.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { usageError } from './command.js';
import type { CommandContext } from './command.js';

/** Options that say which store is meant. */
export const STORE_OPTIONS: Readonly<
  Record<'database-url' | 'name' | 'schema' | 'sqlite', { readonly type: 'string' }>
> = {
  'database-url': { type: 'string' },
  name: { type: 'string' },
  schema: { type: 'string' },
  sqlite: { type: 'string' },
};

/** For the usage of a command. */
export const STORE_USAGE = `The store:
  --sqlite <file>        one of SQLite; or:
  --database-url <url>   one of PostgreSQL; or DATABASE_URL
  --name <application>   names its tables: <application>_events, … (stored_events)
  --schema <schema>      has them (the first of the search path)`;

/** A store that is open. */
export interface CommandStore {
  readonly recorder: SqlRecorder;
  /** Creates the tables that are missing. */
  createTable(): Promise<void>;
  close(): Promise<void>;
}

type StoreValues = Readonly<Partial<Record<keyof typeof STORE_OPTIONS, string | undefined>>>;

/**
 * Opens the store that a command line names.
 *
 * @throws a usage error when it names none, or two
 */
export async function openCommandStore(
  { sqlite, 'database-url': given, name, schema }: StoreValues,
  { environment }: Pick<CommandContext, 'environment'>,
): Promise<CommandStore> {
  if (sqlite !== undefined) {
    if (given !== undefined || name !== undefined || schema !== undefined) {
      throw usageError('--sqlite goes without --database-url, --name and --schema.');
    }
    const database = await openNodeSqlite({ path: sqlite });
    const recorder = new SqliteProcessRecorder(database);
    const close = async (): Promise<void> => {
      database.close();
      await Promise.resolve();
    };
    return { recorder, createTable: () => recorder.createTable(), close };
  }
  const url = given ?? environment['DATABASE_URL'] ?? '';
  if (url === '') throw usageError('Say which store: --sqlite, --database-url, or DATABASE_URL.');
  const pool = await createPgPool({ connectionString: url });
  const recorder = new PostgresProcessRecorder({
    pool,
    ...(name === undefined ? {} : { applicationName: name }),
    ...(schema === undefined ? {} : { schema }),
  });
  return { recorder, createTable: () => recorder.createTable(), close: () => pool.end() };
}

/** Reads a command line that has options only. @throws a usage error when it has something else */
export function parseOptions<Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
): ReturnType<typeof parseArgs<{ options: Options; strict: true }>>['values'] {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    throw usageError((error as Error).message, error);
  }
}
