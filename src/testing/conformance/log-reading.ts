import type { ApplicationRecorder, SelectNotificationsOptions } from '../../persistence/recorder.js';
import { systemClock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import { expectTrue } from './conformance.js';

/** Follows the log while somebody writes, as a reader does that has seen everything up to its last id. */
export async function tail(
  recorder: ApplicationRecorder,
  start: number,
  writing: Promise<unknown>,
  limit: number,
): Promise<number[]> {
  const state = { written: false };
  const end = (): void => {
    state.written = true;
  };
  writing.then(end, end);
  const seen: number[] = [];
  for (;;) {
    const last = state.written;
    const page = await recorder.selectNotifications({ start: (seen.at(-1) ?? start - 1) + 1, limit });
    seen.push(...page.map(({ id }) => id));
    if (page.length === 0 && last) return seen;
    // Writers in the same thread need their turn, timers included: they may be waiting for a lock.
    if (page.length === 0) await pause(systemClock, 0);
  }
}

/** Reads the same notifications again and again while somebody writes. Gives the ids that each reading had. */
export async function readAgain(
  recorder: ApplicationRecorder,
  options: SelectNotificationsOptions,
  writing: Promise<unknown>,
): Promise<number[][]> {
  const state = { written: false };
  const end = (): void => {
    state.written = true;
  };
  writing.then(end, end);
  const seen: number[][] = [];
  while (!state.written) {
    seen.push((await recorder.selectNotifications(options)).map(({ id }) => id));
    // As above: it rests in no other way.
    await pause(systemClock, 0);
  }
  return seen;
}

/** @throws ConformanceError when the ids of one call do not increase, or those of two calls are mixed */
export function expectSeparateRanges(ranges: readonly (readonly number[])[]): void {
  const sorted = [...ranges].sort(([a = 0], [b = 0]) => a - b);
  const ids = sorted.flat();
  const mixed = ids.findIndex((id, index) => index > 0 && id <= (ids[index - 1] as number));
  expectTrue(mixed === -1, `the ids of one call are not a block of their own at ${ids[mixed]}`);
}
