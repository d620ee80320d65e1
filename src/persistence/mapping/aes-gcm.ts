/**
 * AES in GCM mode by WebCrypto, in the byte layout of the Python library's `AESCipher`:
 *
 * ```text
 * offset size
 *      0   12  nonce, random for every call
 *     12   16  tag
 *     28    …  ciphertext, as long as the plaintext
 * ```
 *
 * WebCrypto puts the tag behind the ciphertext, so it is moved in both directions.
 *
 * @module
 */
import { DecryptionError, NotSupportedError, ProgrammingError } from '../errors.js';
import { webCrypto } from '../web-crypto.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;
const KEY_BYTES: readonly number[] = [16, 24, 32];
const ALGORITHM = 'AES-GCM';

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when no AES key has such a size */
export function assertKeySize(bytes: number): void {
  if (KEY_BYTES.includes(bytes)) return;
  throw new ProgrammingError(`An AES key has 16, 24 or 32 bytes, not ${bytes}.`, { details: { keyBytes: bytes } });
}

/** @throws NotSupportedError (`NOT_SUPPORTED`) when this platform has no AES of this size, or no WebCrypto */
export async function importAesKey(bytes: Uint8Array): Promise<CryptoKey> {
  const subtle = webCrypto();
  try {
    return await subtle.importKey('raw', bytes as BufferSource, ALGORITHM, false, ['encrypt', 'decrypt']);
  } catch (cause) {
    throw new NotSupportedError(
      `This platform's WebCrypto does not take AES keys of ${bytes.length * 8} bits. Use a key of 16 or 32 bytes.`,
      { cause, details: { keyBytes: bytes.length } },
    );
  }
}

/** @param bound - what must be the same when it is opened; it is not in what is returned. @defaultValue nothing */
export async function sealWithAes(
  key: CryptoKey,
  plaintext: Uint8Array,
  bound?: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const sealed = new Uint8Array(await webCrypto().encrypt(parameters(iv, bound), key, plaintext as BufferSource));
  const state = new Uint8Array(NONCE_BYTES + sealed.length);
  state.set(iv);
  state.set(sealed.subarray(sealed.length - TAG_BYTES), NONCE_BYTES);
  state.set(sealed.subarray(0, sealed.length - TAG_BYTES), OVERHEAD_BYTES);
  return state;
}

/** @throws DecryptionError (`DECRYPTION_ERROR`) when it is damaged, of another key, or bound to something else */
export async function openWithAes(
  key: CryptoKey,
  state: Uint8Array,
  bound?: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  if (state.length < OVERHEAD_BYTES) throw damaged(bound);
  const iv = state.slice(0, NONCE_BYTES);
  const sealed = new Uint8Array(state.length - NONCE_BYTES);
  sealed.set(state.subarray(OVERHEAD_BYTES));
  sealed.set(state.subarray(NONCE_BYTES, OVERHEAD_BYTES), sealed.length - TAG_BYTES);
  try {
    return new Uint8Array(await webCrypto().decrypt(parameters(iv, bound), key, sealed));
  } catch (cause) {
    throw damaged(bound, cause);
  }
}

function parameters(iv: Uint8Array<ArrayBuffer>, bound: Uint8Array | undefined): AesGcmParams {
  const own = { name: ALGORITHM, iv, tagLength: TAG_BYTES * 8 };
  return bound === undefined ? own : { ...own, additionalData: bound as BufferSource };
}

function damaged(bound: Uint8Array | undefined, cause?: unknown): DecryptionError {
  const elsewhere = bound === undefined ? '' : ', or was made for another place';
  return new DecryptionError(
    `The cipher text is damaged, or was made with another key${elsewhere}.`,
    cause === undefined ? {} : { cause },
  );
}
