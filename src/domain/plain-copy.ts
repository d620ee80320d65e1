/**
 * Copies the data of events.
 *
 * @module
 */

/**
 * A copy of plain objects and arrays, all the way down. Everything else, values such as `UUID` and `Decimal` among it, is
 * taken as it is: instances of classes may have private fields that cannot be copied.
 */
export function plainCopy<Value>(value: Value): Value;
export function plainCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => plainCopy(item));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainCopy(item)]));
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
