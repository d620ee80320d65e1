/** Milliseconds since 1970. `Date.now()` is coarser. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
