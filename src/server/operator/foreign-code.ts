/**
 * Calls what the operator handed in (a log, a hook, the check of tokens), so that its faults stay its own: what it
 * throws, rejects with or never answers must not take the server with it.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';

/** Told of faults on this side. */
export type Log = (message: string, error: unknown) => void;

/** A log that neither throws nor rejects: there is nobody left to be told. */
export function quietLog(log: Log): Log {
  return (message, error) => {
    callQuietly(
      () => log(message, error),
      () => undefined,
    );
  };
}

/** Calls what nobody waits for, and reports what it throws, now or later: an unheard rejection would end the process. */
export function callQuietly(call: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    // Declared to return nothing, and an async function fits that.
    void Promise.resolve(call()).catch(onFailure);
  } catch (error) {
    onFailure(error);
  }
}

/**
 * Waits for an answer, but not longer than a limit. What comes later is ignored, a failure as well.
 *
 * @throws what `onLate` makes, after the limit
 */
export async function answerWithin<T>(answer: Promise<T>, limitMs: number, onLate: () => Error): Promise<T> {
  let callOff: (() => void) | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    callOff = systemClock.schedule(() => reject(onLate()), limitMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    callOff?.();
  }
}
