/**
 * JSON as the Python library writes it: compact, UTF-8, nothing escaped that need not be.
 *
 * @module
 */
import type { Transcoder } from './transcoder.js';

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Encodes plain JSON values. What JSON would change silently is refused: `undefined`, functions, symbols,
 * `NaN` and infinities, `Date`, `Map`, `Set` and instances of other classes.
 *
 * @example
 * ```ts
 * const transcoder = new JSONTranscoder();
 * transcoder.decode(transcoder.encode({ counted: 12 })); // { counted: 12 }
 * ```
 */
export class JSONTranscoder implements Transcoder {
  encode(value: unknown): Uint8Array {
    assertPlain(value);
    return textEncoder.encode(JSON.stringify(value));
  }

  decode(bytes: Uint8Array): unknown {
    return JSON.parse(textDecoder.decode(bytes)) as unknown;
  }
}

// Walks before JSON.stringify does: a replacer sees a Date only after its toJSON has made a string of it.
function assertPlain(value: unknown): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) assertPlain(item);
    return;
  }
  if (isPlainObject(value)) {
    for (const item of Object.values(value)) assertPlain(item);
    return;
  }
  throw new TypeError(
    `Object of type ${typeName(value)} is not serializable. Please define and register a custom transcoding for this type.`,
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function typeName(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'object') return typeof value;
  return (value as object).constructor?.name ?? 'object';
}
