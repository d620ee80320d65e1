/**
 * Serialisation of an event's data.
 *
 * @module
 */

/** Turns values into bytes and back. */
export interface Transcoder {
  /** @throws TypeError when a value has no serialised form */
  encode(value: unknown): Uint8Array;
  /** @throws TypeError when the data names a transcoding that is not registered; SyntaxError when it is not the format */
  decode(bytes: Uint8Array): unknown;
}
