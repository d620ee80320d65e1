/**
 * Waiting for a lock that another connection holds, without blocking the thread.
 *
 * An engine that waits by itself blocks the thread, and when the other connection belongs to the same thread, it waits
 * for what cannot happen.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import { OperationalError } from '../errors.js';

/** Milliseconds that a call waits for a lock, unless told otherwise: the Python library's `SQLITE_LOCK_TIMEOUT`. */
export const LOCK_TIMEOUT_MS_DEFAULT = 5_000;

// Short, because a busy writer leaves short gaps; growing, so that a long wait costs little.
const RETRY_DELAYS_MS: readonly number[] = [1, 1, 2, 3, 5, 8];
const RETRY_DELAY_MS_MAX = 8;

/** How long to wait, and by which clock. */
export interface LockWait {
  readonly lockTimeoutMs: number;
  readonly clock: Clock;
}

/** `details.reason` of the error when another connection holds the lock. */
export const LOCKED_REASON = 'locked';

/** Whether an error says that another connection holds the lock, so that trying again may help. */
export function isLocked(error: unknown): boolean {
  return error instanceof OperationalError && error.details['reason'] === LOCKED_REASON;
}

/**
 * Tries again while the database is locked.
 *
 * @param work - leaves nothing behind when it throws
 * @returns what the work returned: at once when the first attempt succeeded
 * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'locked'` when the time is up
 */
export function retryWhileLocked<T>(work: () => T, wait: LockWait): T | Promise<T> {
  try {
    return work();
  } catch (error) {
    if (!isLocked(error) || wait.lockTimeoutMs <= 0) throw error;
    return retryLater(work, wait);
  }
}

async function retryLater<T>(work: () => T, { lockTimeoutMs, clock }: LockWait): Promise<T> {
  const deadlineMs = clock.monotonicMs() + lockTimeoutMs;
  for (let attempt = 0; ; attempt++) {
    const delayMs = RETRY_DELAYS_MS[attempt] ?? RETRY_DELAY_MS_MAX;
    await pause(clock, delayMs);
    try {
      return work();
    } catch (error) {
      if (!isLocked(error) || clock.monotonicMs() >= deadlineMs) throw error;
    }
  }
}
