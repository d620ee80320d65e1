// A wish for longer than this is taken for a mistake, or for bad will: nothing would ever be sent again. Timers of the
// platform end at 24 days besides, and one that is set for longer rings at once.
const RETRY_AFTER_MS_MAX = 3_600_000;

/**
 * Reads the header `Retry-After`: seconds, or a date.
 *
 * Source: RFC 9110, section 10.2.3.
 *
 * @returns milliseconds from now on, an hour at the most; undefined when there is no such wish
 */
export function retryAfterMs(value: string | null, nowMs: number): number | undefined {
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), RETRY_AFTER_MS_MAX);
}
