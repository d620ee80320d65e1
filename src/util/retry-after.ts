// A wish for longer than this is taken for a mistake, or for bad will: nothing would ever be sent again.
const RETRY_AFTER_MS_MAX = 3_600_000;

/**
 * Reads the header `Retry-After`: seconds, or a date. A date is by the clock of whoever answers, so it is compared with
 * the `Date` of the answer where that can be seen, which browsers do not show of another origin.
 *
 * Source: RFC 9110, section 10.2.3.
 *
 * @param nowMs - by the clock here, which may be wrong
 * @returns milliseconds from now on, an hour at the most; undefined when there is no such wish
 */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const answeredAtMs = Date.parse(headers.get('date') ?? '');
  const sinceMs = Number.isNaN(answeredAtMs) ? nowMs : answeredAtMs;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - sinceMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), RETRY_AFTER_MS_MAX);
}
