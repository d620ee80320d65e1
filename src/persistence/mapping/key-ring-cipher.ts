/**
 * Encryption that says which key it is of, and for which place:
 *
 * ```text
 * offset size
 *      0    3  'DBk'
 *      3    1  flags: 1 bound to aggregate and topic, 2 bound to the version as well
 *      4    1  n, the length of the key's id: 1 to 63
 *      5    n  the key's id, ASCII
 *    5+n   28  nonce and tag, see aes-gcm.ts
 *   33+n    …  ciphertext
 * ```
 *
 * The tag covers the first `5 + n` bytes too, and what they are bound to: aggregate and topic, each in UTF-8 behind its
 * length in four bytes, and the version in eight; the most significant byte first.
 *
 * @module
 */
import { DecryptionError, ProgrammingError } from '../errors.js';
import { keyBytes } from './aes-cipher.js';
import { importAesKey, openWithAes, sealWithAes } from './aes-gcm.js';
import type { Cipher, CipherPlace } from './cipher.js';

const MAGIC = [0x44, 0x42, 0x6b];
const HEADER_BYTES = 5;
const BOUND_TO_AGGREGATE = 1;
const BOUND_TO_VERSION = 2;
const KEY_ID = /^[A-Za-z0-9._:-]{1,63}$/;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();

/** Options of {@link KeyRingCipher.fromKeys}. */
export interface KeyRing {
  /** 16, 24 or 32 bytes in base64, by their ids: 1 to 63 of the characters `A-Z a-z 0-9 . _ : -`. */
  readonly keys: Readonly<Record<string, string>>;
  /** The id of the key that encrypts. All of them decrypt. */
  readonly current: string;
  /**
   * What encrypted before there was a key ring, and what reads that still. Not bound to anything: whoever can write into the
   * database can pass such a state off as another event's as long as this is given.
   *
   * @defaultValue nothing is read but what a key ring has made
   */
  readonly before?: Cipher | undefined;
}

/**
 * Encrypts with AES-GCM, names the key, and binds what it encrypts to its place: a state that somebody copies to another
 * aggregate, under another topic, or to another version does not decrypt there. The version of a commutative event is left
 * out, because it may change.
 *
 * To rotate: add a key, and make it the current one when everybody has it. What an old key encrypted is read as long as the
 * old key is in the ring; nothing is encrypted again.
 *
 * @example
 * ```ts
 * const cipher = await KeyRingCipher.fromKeys({ keys: { '2026': oldKey, '2027': newKey }, current: '2027' });
 * const app = new Application({ recorder, aggregates: [order], cipher });
 * ```
 */
export class KeyRingCipher implements Cipher {
  readonly #keys: ReadonlyMap<string, CryptoKey>;
  readonly #current: string;
  readonly #before: Cipher | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  private constructor(keys: ReadonlyMap<string, CryptoKey>, current: string, before: Cipher | undefined) {
    this.#keys = keys;
    this.#current = current;
    this.#before = before;
  }

  /**
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a key or an id is not as it should be, or the current key is not
   *   among them
   * @throws NotSupportedError (`NOT_SUPPORTED`) when this platform has no AES of that size
   */
  static async fromKeys({ keys, current, before }: KeyRing): Promise<KeyRingCipher> {
    const imported = new Map<string, CryptoKey>();
    for (const [id, key] of Object.entries(keys)) {
      if (!KEY_ID.test(id)) {
        throw new ProgrammingError(`"${id}" cannot be the id of a key: 1 to 63 of A-Z a-z 0-9 . _ : -`);
      }
      imported.set(id, await importAesKey(keyBytes(key)));
    }
    if (!imported.has(current)) {
      throw new ProgrammingError(`The current key, ${current}, is not among the keys: ${[...imported.keys()].join()}.`);
    }
    return new KeyRingCipher(imported, current, before);
  }

  async encrypt(plaintext: Uint8Array, place?: CipherPlace): Promise<Uint8Array> {
    const header = headerOf(this.#current, flagsFor(place));
    const sealed = await sealWithAes(this.#key(this.#current), plaintext, boundTo(header, place));
    const bytes = new Uint8Array(header.length + sealed.length);
    bytes.set(header);
    bytes.set(sealed, header.length);
    return bytes;
  }

  async decrypt(ciphertext: Uint8Array, place?: CipherPlace): Promise<Uint8Array> {
    const read = readHeader(ciphertext);
    if (read === undefined || !this.#keys.has(read.keyId)) {
      if (this.#before !== undefined) return await this.#before.decrypt(ciphertext, place);
      throw new DecryptionError(
        read === undefined
          ? 'The cipher text is not one of a key ring. If it was encrypted before there was one, give that cipher as "before".'
          : `The key ${read.keyId} is not in the key ring.`,
      );
    }
    const isBound = (read.flags & BOUND_TO_AGGREGATE) !== 0;
    if (isBound !== (place !== undefined)) {
      throw new DecryptionError('The cipher text was made for another place than the one that it was found in.');
    }
    const { header, keyId } = read;
    return await openWithAes(this.#key(keyId), ciphertext.subarray(header.length), boundTo(header, place));
  }

  /** Of an id that is in the ring. */
  #key(id: string): CryptoKey {
    return this.#keys.get(id) as CryptoKey;
  }
}

function flagsFor(place: CipherPlace | undefined): number {
  if (place === undefined) return 0;
  return place.mayMove ? BOUND_TO_AGGREGATE : BOUND_TO_AGGREGATE | BOUND_TO_VERSION;
}

function headerOf(keyId: string, flags: number): Uint8Array {
  return Uint8Array.from([...MAGIC, flags, keyId.length, ...textEncoder.encode(keyId)]);
}

function readHeader(bytes: Uint8Array): { header: Uint8Array; flags: number; keyId: string } | undefined {
  const [, , , flags = 0, length = 0] = bytes;
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) return undefined;
  const header = bytes.subarray(0, HEADER_BYTES + length);
  const keyId = textDecoder.decode(header.subarray(HEADER_BYTES));
  return keyId.length === length && KEY_ID.test(keyId) ? { header, flags, keyId } : undefined;
}

function boundTo(header: Uint8Array, place: CipherPlace | undefined): Uint8Array {
  if (place === undefined) return header;
  const isVersionBound = ((header[3] ?? 0) & BOUND_TO_VERSION) !== 0;
  const texts = [place.originatorId, place.topic].map((text) => textEncoder.encode(text));
  const length = texts.reduce((sum, text) => sum + 4 + text.length, header.length + (isVersionBound ? 8 : 0));
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes.set(header);
  let offset = header.length;
  for (const text of texts) {
    view.setUint32(offset, text.length);
    bytes.set(text, offset + 4);
    offset += 4 + text.length;
  }
  if (isVersionBound) view.setBigUint64(offset, BigInt(place.originatorVersion));
  return bytes;
}
