/**
 * Tables and indexes, created where they are missing.
 *
 * @module
 */
import { claimForLog } from './log-owner.js';
import { takeTurn } from './sql-dialect.js';
import type { SqlDialect } from './sql-dialect.js';
import type { SqlQueryable } from './sql-queryable.js';
import type { Creation } from './sql-names.js';
import type { SqlRecorder } from './sql-recorder.js';

/** What is to be there. */
export interface Creations {
  /** PostgreSQL only. @defaultValue the first of the search path */
  readonly schema: string | undefined;
  /** Names the turn that callers at once wait for. */
  readonly lock: string;
  readonly creations: readonly Creation[];
  /** Whether what is kept there means nothing without the log that it is of; the first thing created is owned by it then. */
  readonly isOfLog?: boolean;
}

/**
 * Creates what is missing, in one transaction.
 *
 * On PostgreSQL even `CREATE INDEX IF NOT EXISTS` of an index that is there waits until nobody writes to the table, and
 * makes all others wait behind it. So what is there is left alone.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it belongs to another log
 */
export async function createMissing(
  recorder: SqlRecorder,
  { schema, lock, creations, isOfLog = false }: Creations,
): Promise<void> {
  const { dialect } = recorder;
  const kept = isOfLog ? creations[0]?.name : undefined;
  if (kept !== undefined) await claimForLog(recorder, { kept, schema });
  await recorder.transaction(async ({ connection }) => {
    // Two that create at once would both find nothing, and one of them fail.
    await takeTurn(connection, dialect, lock);
    const there = await namesThere(connection, dialect, schema);
    for (const { name, sql } of creations) if (!there.has(name)) await connection.query(sql);
  });
}

async function namesThere(
  connection: SqlQueryable,
  { relationsSql }: SqlDialect,
  schema: string | undefined,
): Promise<ReadonlySet<unknown>> {
  if (relationsSql === undefined) return new Set();
  const { rows } = await connection.query(relationsSql, [schema ?? null]);
  return new Set(rows.map(({ name }) => name));
}
