/**
 * Calls that end when a signal is aborted, without a doubt about what was stored.
 *
 * ```text
 * waiting for a turn, a lock, a connection ──aborted──▶ rejected at once; nothing is stored, now or later
 *        │ begins
 *        ▼
 * a write is under way ──aborted──▶ goes on: its outcome is told
 * ```
 *
 * @module
 */
import { onAbort } from '../util/on-abort.js';
import { ProgrammingError } from './errors.js';

/** What every call that reads or writes takes. */
export interface CallOptions {
  /**
   * Ends the call when it is aborted: it rejects with the signal's reason. What reads ends at once. What writes ends as long
   * as it has not begun, while it waits for a lock or a connection for example, and nothing is stored then; once it has begun,
   * it goes on to its end.
   */
  readonly signal?: AbortSignal | undefined;
}

/** Said by a call when it begins to write: from then on it is not given up. It throws when it was given up before. */
export type Begin = () => void;

const ALWAYS: Begin = () => undefined;

/**
 * Makes a call that heeds a signal.
 *
 * @param call - calls `begin` before it writes, more than once where it tries again; what only reads never does
 * @throws the signal's reason when it is aborted before the call began to write
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no signal
 */
export function heeding<T>(signal: AbortSignal | undefined, call: (begin: Begin) => T | Promise<T>): T | Promise<T> {
  return signal === undefined ? call(ALWAYS) : heed(signal, call);
}

/**
 * @throws the signal's reason when it is aborted
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no signal
 */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  validateSignal(signal);
  signal?.throwIfAborted();
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is there and no signal */
export function validateSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof (signal as Partial<AbortSignal>).aborted === 'boolean') return;
  throw new ProgrammingError('signal must be an AbortSignal.');
}

async function heed<T>(signal: AbortSignal, call: (begin: Begin) => T | Promise<T>): Promise<T> {
  throwIfAborted(signal);
  let hasBegun = false;
  const begin = (): void => {
    if (!hasBegun) signal.throwIfAborted();
    hasBegun = true;
  };
  const aborted = Promise.withResolvers<never>();
  const callOff = onAbort(signal, () => {
    if (!hasBegun) aborted.reject(signal.reason);
  });
  try {
    return await Promise.race([call(begin), aborted.promise]);
  } finally {
    callOff();
  }
}

/**
 * The work of a transaction that is taken back when a signal was aborted before it had resolved.
 *
 * @param begin - called when the transaction has begun
 */
export function workUnlessAborted<T, Given extends readonly unknown[]>(
  signal: AbortSignal | undefined,
  begin: Begin,
  work: (...given: Given) => Promise<T>,
): (...given: Given) => Promise<T> {
  return async (...given) => {
    begin();
    const result = await work(...given);
    signal?.throwIfAborted();
    return result;
  };
}
