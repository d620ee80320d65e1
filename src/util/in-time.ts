import type { Clock } from './clock.js';

/**
 * Waits for work, but no longer than a limit. The work itself is not stopped: what becomes of it afterwards concerns
 * nobody.
 *
 * @param limitMs - milliseconds
 * @param late - says what it comes to when the time is over, or throws it
 */
export function inTime<T>(clock: Clock, limitMs: number, work: Promise<T>, late: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    // By a promise, which takes what it throws.
    const callOff = clock.schedule(() => resolve(Promise.resolve().then(late)), limitMs);
    work.then(resolve, reject).finally(callOff);
  });
}
