/**
 * Runs work in one explicit transaction on a lent connection, and never gives a doubtful connection back.
 *
 * ```text
 * connect ─▶ begin ─▶ work ─▶ COMMIT ─▶ release
 *              │        │        └─ connection lost: outcome unknown ─▶ release(error)
 *              │        └─ error ─▶ ROLLBACK ─▶ release, or release(error) when that fails too
 *              └─ connection lost: nothing has happened yet ─▶ release(error), again on another connection
 * ```
 *
 * @module
 */
import type { PostgresClient, PostgresPool, PostgresResult } from './postgres-driver.js';
import { commitError, isConnectionLost, postgresError } from './postgres-errors.js';

// A pool may hold connections that the server closed, one for each attempt in the worst case, because they end one by
// one and each is only found out by using it. More than a pool usually holds; with none left, the server is the problem.
const STALE_CONNECTIONS_MAX = 20;

/**
 * @param begin - the statements that open the transaction; run again on another connection when the first was stale
 * @param work - runs inside the transaction; what it throws rolls everything back
 * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` when the connection breaks during `COMMIT`
 */
export async function inTransaction<T>(
  pool: PostgresPool,
  begin: string,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  const client = await beginOn(pool, begin);
  let result: T;
  try {
    result = await work(client);
  } catch (error) {
    await abandon(client);
    throw postgresError(error);
  }
  await commit(client);
  return result;
}

/** Runs one statement that only reads, again when it met a connection that was stale. */
export async function readOnce(pool: PostgresPool, text: string, values: unknown[]): Promise<PostgresResult> {
  return await withoutStaleConnections(() => pool.query(text, values));
}

async function beginOn(pool: PostgresPool, begin: string): Promise<PostgresClient> {
  return await withoutStaleConnections(async () => {
    const client = await pool.connect();
    try {
      await client.query(begin);
    } catch (error) {
      await abandon(client);
      throw error;
    }
    return client;
  });
}

async function withoutStaleConnections<T>(attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isConnectionLost(error) || attempts >= STALE_CONNECTIONS_MAX) throw postgresError(error);
    }
  }
}

async function commit(client: PostgresClient): Promise<void> {
  try {
    await client.query('COMMIT');
  } catch (cause) {
    const error = commitError(cause);
    client.release(error);
    throw error;
  }
  client.release();
}

async function abandon(client: PostgresClient): Promise<void> {
  try {
    await client.query('ROLLBACK');
  } catch (error) {
    client.release(postgresError(error));
    return;
  }
  client.release();
}
