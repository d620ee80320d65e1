import { ProgrammingError } from '../../persistence/errors.js';
import { createPgPool } from '../../persistence/postgres/index.js';
import type { PgPool, PgPoolOptions } from '../../persistence/postgres/index.js';

/**
 * Opens a pool that has a connection already, also behind a pooler: such as pgbouncer takes no limit of statements by
 * default, and the other limits have to do there.
 *
 * @throws as `createPgPool` and `connect` do
 */
export async function openPool(options: PgPoolOptions): Promise<PgPool> {
  const pool = await createPgPool(options);
  try {
    (await pool.connect()).release();
    return pool;
  } catch (error) {
    await pool.end();
    const isLimitRefused = error instanceof ProgrammingError && error.details['parameter'] === 'statement_timeout';
    if (!isLimitRefused) throw error;
    return await createPgPool({ ...options, statementTimeoutMs: 0 });
  }
}
