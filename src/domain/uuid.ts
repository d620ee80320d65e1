/**
 * UUIDs as values, for the data of events. The ids of aggregates are plain texts in canonical form.
 *
 * @module
 */
import { v4, v5, v7 } from 'uuid';
import { uuidToBytes } from '../util/uuid-bytes.js';

/**
 * A UUID (RFC 9562), told apart from a text that looks like one. Immutable; compared by {@link UUID.equals}.
 *
 * @example
 * ```ts
 * const ownerId = UUID.parse('b2723fe2c01a40d2875ea3aac6a09ff5');
 * String(ownerId); // 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5'
 * ```
 */
export class UUID {
  readonly #text: string;

  private constructor(canonical: string) {
    this.#text = canonical;
    Object.freeze(this);
  }

  /**
   * Reads a UUID as Python does: with or without dashes, braces or the prefix `urn:uuid:`, in any case.
   *
   * @throws TypeError when the text is not a UUID
   */
  static parse(text: string): UUID {
    const hex = text
      .toLowerCase()
      .replace(/^urn:uuid:/, '')
      .replace(/^\{(.*)\}$/, '$1')
      .replaceAll('-', '');
    if (!/^[0-9a-f]{32}$/.test(hex)) throw new TypeError(`Not a UUID: ${JSON.stringify(text.slice(0, 80))}`);
    return new UUID(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'));
  }

  /** A random UUID (version 4). */
  static random(): UUID {
    return new UUID(v4());
  }

  /** A random UUID that sorts by the time it was made (version 7). */
  static timeOrdered(): UUID {
    return new UUID(v7());
  }

  /** The same UUID for the same name, every time (version 5): for aggregates that are found by a name. */
  static fromName(namespace: UUID, name: string): UUID {
    return new UUID(v5(name, namespace.#text));
  }

  /** The namespace for names that are URLs (RFC 9562, section 6.6). */
  static readonly NAMESPACE_URL: UUID = new UUID(v5.URL);

  /** 32 hexadecimal digits, lower case, no dashes. */
  get hex(): string {
    return this.#text.replaceAll('-', '');
  }

  /** The 16 bytes, in network order. A new array each time. */
  get bytes(): Uint8Array {
    return uuidToBytes(this.#text);
  }

  equals(other: unknown): boolean {
    return other instanceof UUID && other.#text === this.#text;
  }

  /** The canonical form: lower case, with dashes. */
  toString(): string {
    return this.#text;
  }

  /** So that comparisons with `<` order by value. */
  [Symbol.toPrimitive](): string {
    return this.#text;
  }

  /** For logs. The transcoder does not use it: it writes UUIDs as UUIDs. */
  toJSON(): string {
    return this.#text;
  }
}
