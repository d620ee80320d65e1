/**
 * JSON as the Python library's `JSONTranscoder` writes it: compact, UTF-8, nothing escaped that need not be, and
 * values of other types as `{"_type_":name,"_data_":representation}`.
 *
 * @module
 */
import { DataError, TranscodingNotRegisteredError } from '../errors.js';
import { formatPythonNumber, parsePythonJson } from './python-json.js';
import type { Transcoder, Transcoding } from './transcoder.js';

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// Deeper data is a loop, or an attack on the stack. Python's own limit is of this order.
const DEPTH_MAX = 500;
// How an object of exactly the two reserved keys is written, so that it comes back as what it was.
const ESCAPE_NAME = 'object_as_items';

// Quotes, backslashes, control characters, and surrogates, of which half a pair is refused.
const NEEDS_ESCAPES = /["\\\u0000-\u001f\ud800-\udfff]/;

type JsonObject = Record<string, unknown>;

/** A transcoding, or a class of one whose constructor needs no arguments. */
export type TranscodingOrClass = Transcoding | (new () => Transcoding);

/**
 * Encodes JSON values, and whatever a transcoding was registered for. What JSON would change silently is refused:
 * `undefined`, functions, symbols, sparse arrays, instances of classes without a transcoding (`Date`, `Map` …).
 * `bigint`, `NaN`, infinities and `-0` survive. Texts with half a surrogate pair are refused: JSON could hold them
 * escaped, but no UTF-8 can, so that a database or the Python library would stumble over them later.
 *
 * @example
 * ```ts
 * const transcoder = new JSONTranscoder();
 * transcoder.register(new UUIDAsHex());
 * const bytes = transcoder.encode({ owner: UUID.random(), counted: 12 });
 * transcoder.decode(bytes); // the same, the owner a UUID again
 * ```
 */
export class JSONTranscoder implements Transcoder {
  readonly #transcodings: Transcoding[] = [];
  readonly #byName = new Map<string, Transcoding>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /**
   * Adds a transcoding. A later one of the same name replaces an earlier one.
   *
   * @returns this, so that registrations can be chained
   */
  register(transcoding: TranscodingOrClass): this {
    const added = typeof transcoding === 'function' ? new transcoding() : transcoding;
    const replaced = this.#byName.get(added.name);
    if (replaced === undefined) this.#transcodings.push(added);
    else this.#transcodings.splice(this.#transcodings.indexOf(replaced), 1, added);
    this.#byName.set(added.name, added);
    return this;
  }

  /**
   * @throws TranscodingNotRegisteredError (a `TypeError`) when a value is of a type without a transcoding
   * @throws DataError (`DATA_ERROR`) when the data is nested too deeply, or in a loop; or a text, also that of a key, has
   *   half a surrogate pair
   */
  encode(value: unknown): Uint8Array<ArrayBuffer> {
    return textEncoder.encode(this.#write(value, 0));
  }

  /**
   * @throws TranscodingNotRegisteredError (a `TypeError`) when the data names a transcoding that is not registered
   * @throws DataError (`DATA_ERROR`) when the bytes are not JSON in UTF-8, or not what a transcoding made
   */
  decode(bytes: Uint8Array): unknown {
    let parsed: unknown;
    try {
      parsed = parsePythonJson(textDecoder.decode(bytes));
    } catch (cause) {
      throw new DataError('The bytes are not JSON in UTF-8. Are they compressed or encrypted?', { cause });
    }
    return this.#revive(parsed, 0);
  }

  #write(value: unknown, depth: number): string {
    switch (typeof value) {
      case 'string':
        return quote(value);
      case 'number':
        return formatPythonNumber(value);
      case 'boolean':
      case 'bigint':
        return String(value);
      case 'object':
        if (value === null) return 'null';
        if (depth >= DEPTH_MAX) throw tooDeep();
        if (Array.isArray(value)) return this.#writeArray(value, depth);
        if (isPlainObject(value)) return this.#writeObject(value, depth);
        return this.#writeTranscoded(value, depth);
      default:
        return this.#writeTranscoded(value, depth);
    }
  }

  #writeArray(value: readonly unknown[], depth: number): string {
    let text = '[';
    // By index, so that holes are met, and refused as undefined.
    for (let index = 0; index < value.length; index++) {
      text += (index === 0 ? '' : ',') + this.#write(value[index], depth + 1);
    }
    return text + ']';
  }

  #writeObject(value: JsonObject, depth: number): string {
    const keys = Object.keys(value);
    if (isReserved(value, keys)) {
      return this.#writeNamed(ESCAPE_NAME, Object.entries(value), depth);
    }
    let text = '{';
    let separator = '';
    for (const key of keys) {
      text += separator + quote(key) + ':' + this.#write(value[key], depth + 1);
      separator = ',';
    }
    return text + '}';
  }

  #writeTranscoded(value: unknown, depth: number): string {
    const transcoding = this.#transcodings.find((candidate) => candidate.is(value));
    if (transcoding === undefined) throw notSerializable(value);
    return this.#writeNamed(transcoding.name, transcoding.encode(value), depth);
  }

  #writeNamed(name: string, data: unknown, depth: number): string {
    return `{"_type_":${JSON.stringify(name)},"_data_":${this.#write(data, depth + 1)}}`;
  }

  /** Decodes from the inside out, in place: the tree was made by the parser and belongs to nobody else. */
  #revive(value: unknown, depth: number): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= DEPTH_MAX) throw tooDeep();
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) {
        const item: unknown = value[index];
        if (typeof item === 'object') value[index] = this.#revive(item, depth + 1);
      }
      return value;
    }
    return this.#reviveObject(value as JsonObject, depth);
  }

  #reviveObject(value: JsonObject, depth: number): unknown {
    const keys = Object.keys(value);
    for (const key of keys) {
      const item = value[key];
      if (typeof item !== 'object' || item === null) continue;
      const revived = this.#revive(item, depth + 1);
      // Not by assignment: the key may be __proto__.
      if (revived !== item) Object.defineProperty(value, key, { value: revived });
    }
    if (!isReserved(value, keys)) return value;
    return this.#decodeNamed(value['_type_'], value['_data_']);
  }

  #decodeNamed(name: unknown, data: unknown): unknown {
    if (typeof name !== 'string') throw new DataError('The name of a transcoding is not a text.');
    const transcoding = this.#byName.get(name);
    try {
      if (transcoding !== undefined) return transcoding.decode(data);
      if (name === ESCAPE_NAME) return Object.fromEntries(data as [string, unknown][]);
    } catch (cause) {
      throw new DataError(`The transcoding '${name}' cannot decode its data.`, { cause, details: { name } });
    }
    throw new TranscodingNotRegisteredError(
      `Data serialized with name '${name}' is not deserializable. Please register a custom transcoding for this type.`,
      { details: { name } },
    );
  }
}

// Most texts need no escapes, and to see that is several times faster than to have them stringified.
function quote(text: string): string {
  if (!NEEDS_ESCAPES.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw notWellFormed(text);
  return JSON.stringify(text);
}

function isReserved(value: JsonObject, keys: readonly string[]): boolean {
  return (
    keys.length === 2 &&
    '_type_' in value &&
    '_data_' in value &&
    Object.hasOwn(value, '_type_') &&
    Object.hasOwn(value, '_data_')
  );
}

function isPlainObject(value: object): value is JsonObject {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function notSerializable(value: unknown): TranscodingNotRegisteredError {
  // Whatever made the object may have made it without a constructor.
  const { constructor } = Object(value) as { constructor?: { name: string } };
  const type = typeof value === 'object' ? (constructor?.name ?? 'object') : typeof value;
  return new TranscodingNotRegisteredError(
    `Object of type ${type} is not serializable. Please define and register a custom transcoding for this type.`,
    { details: { type } },
  );
}

function notWellFormed(text: string): DataError {
  const shown = JSON.stringify(text.slice(0, 80));
  return new DataError(
    `The text ${shown} has half of a surrogate pair, which is no character: was it cut in the middle of one? Nothing was stored. Cut elsewhere, or store text.toWellFormed().`,
    { details: { text: shown } },
  );
}

function tooDeep(): DataError {
  return new DataError(`The data is nested more than ${DEPTH_MAX} levels deep, or in a loop.`);
}
