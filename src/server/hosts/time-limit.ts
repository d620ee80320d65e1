import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits for work, but not longer than a limit. The work is not stopped, and its failure after the limit is ignored.
 *
 * @returns whether the work was done in time
 */
export async function withinLimit(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(limitMs, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    timer.abort();
  }
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
  const deadline = performance.now() + limitMs;
  for (;;) {
    if (await ask()) return true;
    if (performance.now() >= deadline) return false;
    await sleep(intervalMs);
  }
}
