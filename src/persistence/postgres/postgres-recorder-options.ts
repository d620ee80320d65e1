/**
 * What all recorders on PostgreSQL are told.
 *
 * @module
 */
import { checkedMs, FOREIGN_MS_MAX } from '../validation.js';
import type { PostgresPool } from './postgres-driver.js';
import type { PostgresTableOptions, PostgresTables } from './postgres-schema.js';

// As the Python library's. A writer that stops in the middle (a paused or vanished machine) must not keep the table.
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;

/** Options of `PostgresApplicationRecorder`. */
export interface PostgresRecorderOptions extends PostgresTableOptions {
  /**
   * Connections. Lent, not owned: the caller closes it. A `pg.Pool` fits as it is; `createPgPool` makes a configured
   * one; `singleClient`, `clientPerUse` and `pgliteDriver` make one of something else.
   */
  readonly pool: PostgresPool;
  /**
   * Milliseconds that a writer waits for the writers before it; 0 waits for ever, unless the server has a limit.
   *
   * @defaultValue 0
   */
  readonly lockTimeoutMs?: number;
}

/** Options of `PostgresProcessRecorder`. */
export interface PostgresProcessRecorderOptions extends PostgresRecorderOptions {
  /**
   * Milliseconds after which the server ends a transaction of the caller's in which nothing happens; 0 is never.
   *
   * @defaultValue 5,000
   */
  readonly idleInTransactionTimeoutMs?: number;
}

/**
 * The statements by which a writer takes its turn, without a semicolon at the end. First in their transaction: whatever
 * its isolation, it sees the database as it is after the lock was had, with all that the writers before committed.
 */
export function lockSql(
  { events, turnSql }: Pick<PostgresTables, 'events' | 'turnSql'>,
  lockTimeoutMs: number | undefined,
): string {
  const lock = turnSql ?? `LOCK TABLE ${events} IN EXCLUSIVE MODE`;
  const timeoutMs = checkedTimeoutMs('lockTimeoutMs', lockTimeoutMs ?? 0);
  return timeoutMs === 0 ? lock : `SET LOCAL lock_timeout = ${timeoutMs};\n${lock}`;
}

/** The idle timeout of transactions. */
export function idleTimeoutMsOf(options: PostgresProcessRecorderOptions): number {
  const timeoutMs = options.idleInTransactionTimeoutMs ?? IDLE_IN_TRANSACTION_TIMEOUT_MS;
  return checkedTimeoutMs('idleInTransactionTimeoutMs', timeoutMs);
}

function checkedTimeoutMs(option: string, timeoutMs: number): number {
  // Rounded up: 0 would mean the opposite of a very short time.
  return Math.ceil(checkedMs(option, timeoutMs, { max: FOREIGN_MS_MAX }));
}
