/**
 * A result that has of the one before what is the same in both, so that who shows it need not look at what has not changed.
 *
 * @module
 */
import { areEqualBytes } from '../util/equal-bytes.js';

/** By what rows are known again. */
export type KeyOf = (row: unknown) => unknown;

/** By a field of rows; by `id`, where they have one, and else by where they are. */
export function keyBy(field: string | undefined): KeyOf {
  return (row) => (isPlain(row) ? row[field ?? 'id'] : undefined);
}

/**
 * What came, with parts of what was there wherever they are equal; what was there itself, where all is.
 *
 * @param keyOf - of rows in lists; `undefined` for those that are known by their place
 */
export function shared<T>(before: unknown, after: T, keyOf: KeyOf): T {
  if (Object.is(before, after)) return after;
  if (Array.isArray(after) && Array.isArray(before)) return sharedList(before, after, keyOf) as T;
  if (isPlain(after) && isPlain(before)) return sharedFields(before, after, keyOf) as T;
  return isEqual(before, after) ? (before as T) : after;
}

function sharedList(before: readonly unknown[], after: readonly unknown[], keyOf: KeyOf): readonly unknown[] {
  const byKey = new Map<unknown, unknown>();
  for (const row of before) byKey.set(keyOf(row), row);
  const result = after.map((row, index) => {
    const key = keyOf(row);
    return shared(key === undefined ? before[index] : byKey.get(key), row, keyOf);
  });
  const isSame = result.length === before.length && result.every((row, index) => Object.is(row, before[index]));
  return isSame ? before : result;
}

type Fields = Readonly<Record<string, unknown>>;

function sharedFields(before: Fields, after: Fields, keyOf: KeyOf): Fields {
  const keys = Object.keys(after);
  const result = Object.fromEntries(keys.map((key) => [key, shared(before[key], after[key], keyOf)]));
  const isSame =
    keys.length === Object.keys(before).length &&
    keys.every((key) => Object.hasOwn(before, key) && Object.is(result[key], before[key]));
  return isSame ? before : result;
}

function isPlain(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Of what is neither a list nor plain: values that say so themselves, times and bytes. Others are never known to be the same. */
function isEqual(before: unknown, after: unknown): boolean {
  if (before instanceof Date && after instanceof Date) return before.getTime() === after.getTime();
  if (before instanceof Uint8Array && after instanceof Uint8Array) return areEqualBytes(before, after);
  if (before instanceof Map && after instanceof Map) return isSameMap(before, after);
  const { equals } = (after ?? {}) as { readonly equals?: unknown };
  if (typeof equals !== 'function' || typeof before !== 'object' || before === null) return false;
  return before.constructor === (after as object).constructor && equals.call(after, before) === true;
}

function isSameMap(before: ReadonlyMap<unknown, unknown>, after: ReadonlyMap<unknown, unknown>): boolean {
  if (before.size !== after.size) return false;
  return [...after].every(
    ([key, value]) => before.has(key) && Object.is(shared(before.get(key), value, keyBy(undefined)), before.get(key)),
  );
}
