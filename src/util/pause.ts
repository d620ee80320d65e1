import type { Clock } from './clock.js';
import { onAbort } from './on-abort.js';

/** Waits a while, or until a signal is aborted. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const callOff = clock.schedule(done, delayMs);
    const ignore = onAbort(signal, done);
    function done(): void {
      callOff();
      ignore();
      resolve();
    }
  });
}
