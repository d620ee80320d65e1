import { OperationalError, STATEMENT_REASON } from '../../persistence/errors.js';
import { ConcurrencyError } from '../aggregates/application-errors.js';
import { HandlerTimeoutError } from './follower-errors.js';

// What the store says when it is gone for this program: opened again, it is another object. By their codes, because the
// classes of the browser's side are not for this layer.
const GONE_CODES: ReadonlySet<string> = new Set(['STORAGE_LOST', 'WORKER_DIED']);

// Of attempts that were the last ones.
const FINAL = new WeakSet<object>();

/** Says of an error that it was tried again as often as it is to be, and that whoever follows the log is to stop. */
export function asFinal(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) FINAL.add(error);
  return error;
}

/**
 * Whether an error says that trying again, later and unchanged, may help: the storage failed, others were faster, or code
 * of others took too long. Not one of a statement that can never work, which SQLite reports as a failure of the same
 * class.
 */
export function isTransient(error: unknown): boolean {
  if (typeof error === 'object' && error !== null && FINAL.has(error)) return false;
  if (error instanceof ConcurrencyError || error instanceof HandlerTimeoutError) return true;
  return (
    error instanceof OperationalError && !GONE_CODES.has(error.code) && error.details['reason'] !== STATEMENT_REASON
  );
}

/**
 * Whether an error says that something was broken off, as by a limit of time, and not that others were in the way: those
 * will have gone.
 */
export function isBroken(error: unknown): boolean {
  if (error instanceof HandlerTimeoutError) return true;
  if (!(error instanceof OperationalError) || !isTransient(error)) return false;
  const { sqlState, reason, outcome } = error.details;
  // A deadlock, or transactions that cannot be put in an order; another tab that was first; a commit that may be done.
  return !String(sqlState).startsWith('40') && reason !== 'overtaken' && outcome !== 'unknown';
}
