/**
 * Serialisation of an event's data.
 *
 * @module
 */

/** Turns values into bytes and back. May be asynchronous. */
export interface Transcoder {
  /** @throws TranscodingNotRegisteredError (a `TypeError`) when a value has no serialised form */
  encode(value: unknown): Uint8Array | Promise<Uint8Array>;
  /**
   * @throws TranscodingNotRegisteredError (a `TypeError`) when the bytes name a transcoding that is not registered
   * @throws DataError (`DATA_ERROR`) when the bytes are not in the transcoder's format
   */
  decode(bytes: Uint8Array): unknown;
}

/**
 * How one type of value is represented by types that the transcoder, or other transcodings, know.
 *
 * @example
 * ```ts
 * class MoneyAsObject implements Transcoding<Money, { amount: Decimal; currency: string }> {
 *   readonly name = 'money';
 *   is(value: unknown) {
 *     return value instanceof Money;
 *   }
 *   encode({ amount, currency }: Money) {
 *     return { amount, currency }; // the Decimal is transcoded by its own transcoding
 *   }
 *   decode({ amount, currency }: { amount: Decimal; currency: string }) {
 *     return new Money(amount, currency);
 *   }
 * }
 * ```
 */
export interface Transcoding<Value = unknown, Data = unknown> {
  /** Stands beside the data, for ever: never change it. */
  readonly name: string;
  /** Whether a value is of this type. Asked in the order of registration. */
  is(value: unknown): boolean;
  /** The representation; whatever in it is not basic is transcoded in turn. */
  encode(value: Value): Data;
  /** The value; what was transcoded within the data is decoded already. Should throw on data that it cannot have made. */
  decode(data: Data): Value;
}
