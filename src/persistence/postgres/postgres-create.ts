import { ProgrammingError } from '../errors.js';
import type { PostgresPool } from './postgres-driver.js';
import { sqlStateOf } from './postgres-errors.js';
import { PoolSession } from './postgres-session.js';

const NO_SUCH_SCHEMA = '3F000';

/**
 * Creates tables in one transaction. Schemas are not created: who may use them is for their owner to say.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the schema does not exist or may not be written
 */
export async function createTables(pool: PostgresPool, statements: readonly string[]): Promise<void> {
  await new PoolSession(pool).ensure(statements.join(';\n')).catch((error: unknown) => {
    const { cause } = error as { cause?: unknown };
    if (sqlStateOf(cause) !== NO_SUCH_SCHEMA) throw error;
    throw new ProgrammingError(
      `${(cause as Error).message}. Create it first, with CREATE SCHEMA, and let this user create tables in it.`,
      { cause, details: { sqlState: NO_SUCH_SCHEMA } },
    );
  });
}
