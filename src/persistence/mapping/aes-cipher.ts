/**
 * AES in GCM mode, in the byte layout of the Python library's `AESCipher`:
 *
 * ```text
 * offset size
 *      0   12  nonce, random for every call
 *     12   16  tag
 *     28    …  ciphertext, as long as the plaintext
 * ```
 *
 * WebCrypto puts the tag behind the ciphertext, so it is moved in both directions. There is no additional data.
 *
 * @module
 */
import { fromBase64, toBase64 } from '../../util/base64.js';
import type { Cipher } from './cipher.js';
import { DecryptionError, NotSupportedError, ProgrammingError } from '../errors.js';
import { webCrypto } from '../web-crypto.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;
const KEY_BYTES: readonly number[] = [16, 24, 32];
const ALGORITHM = 'AES-GCM';

/**
 * Encrypts with AES-GCM by WebCrypto.
 *
 * With a random nonce of 96 bits, one key is good for about 2^32 states; then make a new one.
 *
 * @example
 * ```ts
 * const key = AESCipher.createKey(32); // keep it where the users' data is not
 * const mapper = new Mapper({ transcoder, cipher: await AESCipher.fromKey(key) });
 * ```
 */
export class AESCipher implements Cipher {
  readonly #key: CryptoKey;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  private constructor(key: CryptoKey) {
    this.#key = key;
  }

  /**
   * Makes a random key.
   *
   * @param bytes - 16, 24 or 32; not every browser knows AES-192 (24 bytes)
   * @returns the key in base64, as `CIPHER_KEY` and {@link AESCipher.fromKey} take it
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) for any other size
   */
  static createKey(bytes: number): string {
    assertKeySize(bytes);
    return toBase64(crypto.getRandomValues(new Uint8Array(bytes)));
  }

  /**
   * @param key - 16, 24 or 32 bytes in base64
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the key is not base64, or not of such a size
   * @throws NotSupportedError (`NOT_SUPPORTED`) when this platform has no AES of this size
   */
  static async fromKey(key: string): Promise<AESCipher> {
    const bytes = keyBytes(key);
    assertKeySize(bytes.length);
    try {
      return new AESCipher(await webCrypto().importKey('raw', bytes, ALGORITHM, false, ['encrypt', 'decrypt']));
    } catch (cause) {
      throw new NotSupportedError(
        `This platform's WebCrypto does not take AES keys of ${bytes.length * 8} bits. Use a key of 16 or 32 bytes.`,
        { cause, details: { keyBytes: bytes.length } },
      );
    }
  }

  async encrypt(plaintext: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const sealed = new Uint8Array(
      await webCrypto().encrypt(
        { name: ALGORITHM, iv, tagLength: TAG_BYTES * 8 },
        this.#key,
        plaintext as BufferSource,
      ),
    );
    const state = new Uint8Array(NONCE_BYTES + sealed.length);
    state.set(iv);
    state.set(sealed.subarray(sealed.length - TAG_BYTES), NONCE_BYTES);
    state.set(sealed.subarray(0, sealed.length - TAG_BYTES), OVERHEAD_BYTES);
    return state;
  }

  async decrypt(ciphertext: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    if (ciphertext.length < OVERHEAD_BYTES) throw damaged();
    const iv = ciphertext.slice(0, NONCE_BYTES);
    const sealed = new Uint8Array(ciphertext.length - NONCE_BYTES);
    sealed.set(ciphertext.subarray(OVERHEAD_BYTES));
    sealed.set(ciphertext.subarray(NONCE_BYTES, OVERHEAD_BYTES), sealed.length - TAG_BYTES);
    try {
      return new Uint8Array(
        await webCrypto().decrypt({ name: ALGORITHM, iv, tagLength: TAG_BYTES * 8 }, this.#key, sealed),
      );
    } catch (cause) {
      throw damaged(cause);
    }
  }
}

function keyBytes(key: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64(key);
  } catch (cause) {
    throw new ProgrammingError('The key is not base64. AESCipher.createKey makes keys.', { cause });
  }
}

function assertKeySize(bytes: number): void {
  if (KEY_BYTES.includes(bytes)) return;
  throw new ProgrammingError(`An AES key has 16, 24 or 32 bytes, not ${bytes}.`, { details: { keyBytes: bytes } });
}

function damaged(cause?: unknown): DecryptionError {
  return new DecryptionError(
    'The cipher text is damaged, or was made with another key.',
    cause === undefined ? {} : { cause },
  );
}
