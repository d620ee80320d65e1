/**
 * Values in messages.
 *
 * @module
 */

/** A value as a text on one line: JSON, and names for what JSON has no form for. */
export function show(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') return String(value);
  return JSON.stringify(value, showable);
}

function showable(_key: string, item: unknown): unknown {
  if (item instanceof Uint8Array) return `bytes(${[...item].join(',')})`;
  if (item instanceof Map) return { Map: [...item.entries()] };
  if (item instanceof Set) return { Set: [...item.values()] };
  return typeof item === 'bigint' ? `${item}n` : item;
}
