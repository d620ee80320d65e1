import { systemClock } from '../../util/clock.js';
import { inTime } from '../../util/in-time.js';
import { pause } from '../../util/pause.js';

/**
 * Waits for work, but not longer than a limit. The work is not stopped, and its failure after the limit is ignored.
 *
 * @returns whether the work was done in time
 */
export async function withinLimit(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  return inTime(
    systemClock,
    limitMs,
    work.then(() => true),
    () => false,
  );
}

/**
 * Asks again and again until the answer is yes.
 *
 * @returns whether it was yes within the limit
 */
export async function eventually(
  ask: () => boolean | Promise<boolean>,
  limitMs: number,
  intervalMs: number = 25,
): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    if (await ask()) return true;
    if (systemClock.monotonicMs() >= deadlineMs) return false;
    await pause(systemClock, intervalMs);
  }
}
