/**
 * Whether JSON can hold a value.
 *
 * @module
 */

/** `undefined` where there is no JSON of it: a bigint, or something that holds itself. */
export function jsonOf(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/**
 * Where JSON does not hold a value: the keys on the way there; `undefined` where it holds all of it. A key without a value, and the
 * sign of zero, are no loss.
 *
 * @param back - what its JSON gives again
 */
export function lostAt(path: string, value: unknown, back: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return value === back ? undefined : path;
  if (typeof back !== 'object' || back === null || Array.isArray(value) !== Array.isArray(back)) return path;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== null && prototype !== Object.prototype) return path;
  if (Array.isArray(value) && value.length !== (back as readonly unknown[]).length) return path;
  for (const key of Object.keys(value)) {
    const [part, partBack] = [(value as never)[key] as unknown, (back as never)[key] as unknown];
    const lost =
      part === undefined && !Array.isArray(value)
        ? undefined
        : lostAt(path === '' ? key : `${path}.${key}`, part, partBack);
    if (lost !== undefined) return lost;
  }
  return undefined;
}
