/**
 * Encryption of stored states.
 *
 * @module
 */

/** Makes bytes unreadable, and readable again with the same key. May be asynchronous. */
export interface Cipher {
  encrypt(plaintext: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** @throws DecryptionError (`DECRYPTION_ERROR`) when the bytes are damaged, or another key's */
  decrypt(ciphertext: Uint8Array): Uint8Array | Promise<Uint8Array>;
}
