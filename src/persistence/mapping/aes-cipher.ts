import { fromBase64, toBase64 } from '../../util/base64.js';
import type { Cipher } from './cipher.js';
import { ProgrammingError } from '../errors.js';
import { assertKeySize, importAesKey, openWithAes, sealWithAes } from './aes-gcm.js';

/**
 * Encrypts with AES-GCM by WebCrypto, as the Python library's `AESCipher` does: see `aes-gcm.ts` for the bytes. Nothing says
 * which key made them, nor for which event: `KeyRingCipher` does.
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
    return new AESCipher(await importAesKey(keyBytes(key)));
  }

  async encrypt(plaintext: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    return await sealWithAes(this.#key, plaintext);
  }

  async decrypt(ciphertext: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    return await openWithAes(this.#key, ciphertext);
  }
}

/**
 * The bytes of a key that is written in base64.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the key is not base64, or no AES key has its size
 */
export function keyBytes(key: string): Uint8Array<ArrayBuffer> {
  let bytes;
  try {
    bytes = fromBase64(key);
  } catch (cause) {
    throw new ProgrammingError('The key is not base64. AESCipher.createKey makes keys.', { cause });
  }
  assertKeySize(bytes.length);
  return bytes;
}
