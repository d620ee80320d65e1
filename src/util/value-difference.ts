/**
 * Where two values differ.
 *
 * @module
 */

/** The first place at which two values differ. */
export interface ValueDifference {
  /** The keys on the way there, with dots between them; empty for the values themselves. */
  readonly path: string;
  readonly actual: unknown;
  readonly expected: unknown;
}

/**
 * Compares by content. Values with a method `equals`, such as `UUID` and `Decimal`, say themselves whether they are the
 * same; a key whose value is `undefined` is as good as one that is not there.
 *
 * @returns `undefined` when the values are the same
 */
export function firstDifference(actual: unknown, expected: unknown): ValueDifference | undefined {
  return differenceAt([], actual, expected);
}

type Path = readonly string[];

function differenceAt(path: Path, actual: unknown, expected: unknown): ValueDifference | undefined {
  if (Object.is(actual, expected)) return undefined;
  const difference = { path: path.join('.'), actual, expected };
  if (!isObject(actual) || !isObject(expected)) return difference;
  if (Object.getPrototypeOf(actual) !== Object.getPrototypeOf(expected)) return difference;
  if (hasEquals(actual)) return actual.equals(expected) ? undefined : difference;
  const [actualParts, expectedParts] = [partsOf(actual), partsOf(expected)];
  for (const key of new Set([...expectedParts.keys(), ...actualParts.keys()])) {
    const below = differenceAt([...path, key], actualParts.get(key), expectedParts.get(key));
    if (below !== undefined) return below;
  }
  return undefined;
}

/** What an object is made of, by name. What is hidden in a class shows in its JSON. */
function partsOf(value: object): ReadonlyMap<string, unknown> {
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [String(key), item]));
  if (value instanceof Set) return new Map([...value].map((item, index) => [String(index), item]));
  if (value instanceof Date) return new Map([['time', value.getTime()]]);
  if (hasJson(value) && Object.keys(value).length === 0) return new Map([['value', value.toJSON()]]);
  const length =
    Array.isArray(value) || ArrayBuffer.isView(value) ? { length: (value as ArrayLike<unknown>).length } : {};
  return new Map(Object.entries({ ...length, ...value }));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function hasEquals(value: object): value is { equals(other: unknown): boolean } {
  return 'equals' in value && typeof value.equals === 'function';
}

function hasJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}
