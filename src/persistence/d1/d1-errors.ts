/**
 * Maps what D1 threw to the error tree. It has no codes, only texts:
 *
 * ```text
 * D1_ERROR: UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: …)   SQLite's word: the batch is taken back
 * D1_TYPE_ERROR: Type 'undefined' not supported …                            said by the binding, before it sends
 * D1_ERROR: Network connection lost.  D1_ERROR: D1 DB is overloaded. …       anything else
 * ```
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import type { EventSourcingError } from '../../domain/errors.js';
import { OperationalError, ProgrammingError } from '../errors.js';
import { sqliteError } from '../sqlite/sqlite-errors.js';

// Codes of SQLite by which it refuses a statement. Those that say that its files failed are not among them.
const REFUSAL =
  /\bSQLITE_(?:ERROR|CONSTRAINT|TOOBIG|MISMATCH|RANGE|AUTH|FULL|BUSY|LOCKED|READONLY|MISUSE)\b|SAVEPOINT statements|No SQL statements/;
const NOT_SENT = 'D1_TYPE_ERROR';

/**
 * Makes a Daybook error of what a statement that reads has thrown; Daybook's own pass unchanged.
 *
 * @param cause - what was thrown
 */
export function d1Error(cause: unknown): EventSourcingError {
  if (isEventSourcingError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (message.startsWith(NOT_SENT)) return new ProgrammingError(`D1 takes no such value: ${message}`, { cause });
  if (REFUSAL.test(message)) return sqliteError(cause, 'D1');
  return new OperationalError(`D1 cannot be reached: ${message}`, { cause });
}

/**
 * The error of a batch that writes. Unless SQLite refused it, or it was not even sent, nobody knows whether it counts.
 *
 * Of D1's own words none is proof: what it says of its queue and of the network says not where the batch was then.
 */
export function d1CommitError(cause: unknown): EventSourcingError {
  if (isEventSourcingError(cause)) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (message.startsWith(NOT_SENT) || REFUSAL.test(message)) return d1Error(cause);
  return new OperationalError(
    'D1 did not answer the batch: what it has may be stored, or not. Read before you record it again.',
    { cause, details: { outcome: 'unknown' } },
  );
}

/** Whether a batch was refused by a constraint of a column: `NOT NULL constraint failed: tracking.notification_id`. */
export function isRefusedBy(error: unknown, kind: 'UNIQUE' | 'NOT NULL', column: string): boolean {
  const { cause } = error as { readonly cause?: unknown };
  return cause instanceof Error && cause.message.includes(`${kind} constraint failed: ${column}`);
}
