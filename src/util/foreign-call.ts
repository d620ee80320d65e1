import type { Clock } from './clock.js';
import { onAbort } from './on-abort.js';

/** How long code of others may take, and what ends it before. */
export interface ForeignCallOptions {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
}

/** Gives a call so many milliseconds more, because it gets on. */
export type MoreTime = (ms: number) => void;

/**
 * Calls what others wrote. It may throw, never settle, or not mind its signal: whoever calls goes on all the same.
 *
 * @param call - is given a signal that is aborted when nobody waits for it any more
 * @throws what it throws; an `Error` when it takes too long; the reason of the signal
 */
export async function foreignCall<T>(
  call: (signal: AbortSignal, moreTime: MoreTime) => T | Promise<T>,
  { clock, limitMs, signal }: ForeignCallOptions,
): Promise<T> {
  const late = new AbortController();
  let [allowedMs, moreMs] = [limitMs, 0];
  let callOff: () => void;
  const ring = (): void => {
    if (moreMs === 0) {
      late.abort(new Error(`there was no answer within ${Math.ceil(allowedMs)} ms`));
      return;
    }
    callOff = clock.schedule(ring, moreMs);
    allowedMs += moreMs;
    moreMs = 0;
  };
  callOff = clock.schedule(ring, limitMs);
  const end = AbortSignal.any([signal, late.signal]);
  let ignore: () => void = () => undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    ignore = onAbort(end, () => reject(end.reason as Error));
  });
  try {
    return await Promise.race([Promise.resolve().then(() => call(end, (ms) => (moreMs += ms))), ended]);
  } finally {
    callOff();
    ignore();
  }
}
