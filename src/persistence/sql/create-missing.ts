/**
 * Tables and indexes, created where they are missing.
 *
 * @module
 */
import type { SqlQueryable } from './sql-queryable.js';
import type { SqlRecorder } from './sql-recorder.js';

/** A statement that creates one thing, safe to be run again. */
export interface Creation {
  /** Of the table or the index, without quotes and schema. */
  readonly name: string;
  readonly sql: string;
}

/** What is to be there. */
export interface Creations {
  /** PostgreSQL only. @defaultValue the first of the search path */
  readonly schema: string | undefined;
  /** Names the lock that callers at once wait for. PostgreSQL only. */
  readonly lock: string;
  readonly creations: readonly Creation[];
}

/**
 * Creates what is missing, in one transaction.
 *
 * On PostgreSQL even `CREATE INDEX IF NOT EXISTS` of an index that is there waits until nobody writes to the table, and
 * makes all others wait behind it. So what is there is left alone.
 */
export async function createMissing(recorder: SqlRecorder, { schema, lock, creations }: Creations): Promise<void> {
  await recorder.transaction(async ({ connection }) => {
    let missing = creations;
    if (recorder.dialect === 'postgres') {
      // Two that create at once would both find nothing, and one of them fail.
      await connection.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [lock]);
      const there = await namesInPostgres(connection, schema);
      missing = creations.filter(({ name }) => !there.has(name));
    }
    for (const { sql } of missing) await connection.query(sql);
  });
}

async function namesInPostgres(connection: SqlQueryable, schema: string | undefined): Promise<ReadonlySet<unknown>> {
  const { rows } = await connection.query(
    `SELECT relation.relname FROM pg_class relation JOIN pg_namespace space ON space.oid = relation.relnamespace
      WHERE space.nspname = COALESCE($1::text, current_schema()::text)`,
    [schema ?? null],
  );
  return new Set(rows.map(({ relname }) => relname));
}
