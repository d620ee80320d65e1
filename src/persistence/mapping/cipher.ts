/**
 * Encryption of stored states.
 *
 * @module
 */

/** Where a state belongs: what a cipher may bind it to, so that nobody moves it elsewhere. */
export interface CipherPlace {
  readonly originatorId: string;
  readonly topic: string;
  readonly originatorVersion: number;
  /**
   * Whether the version may become another one without that anybody reads the state: that of a commutative event, which a
   * server or a page moves. Told when a state is encrypted; what was encrypted says it itself.
   */
  readonly mayMove: boolean;
}

/** Makes bytes unreadable, and readable again with the same key. May be asynchronous. */
export interface Cipher {
  /** @param place - where it is going to stand; undefined, when it is not the state of an event or a snapshot */
  encrypt(plaintext: Uint8Array, place?: CipherPlace): Uint8Array | Promise<Uint8Array>;
  /**
   * @param place - where it was found
   * @throws DecryptionError (`DECRYPTION_ERROR`) when the bytes are damaged, another key's, or of another place
   */
  decrypt(ciphertext: Uint8Array, place?: CipherPlace): Uint8Array | Promise<Uint8Array>;
}
