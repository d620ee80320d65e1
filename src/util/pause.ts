import type { Clock } from './clock.js';

/** Waits a while, or until a signal is aborted. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const callOff = clock.schedule(done, delayMs);
    signal?.addEventListener('abort', done);
    function done(): void {
      callOff();
      signal?.removeEventListener('abort', done);
      resolve();
    }
  });
}
