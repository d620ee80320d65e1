/**
 * The column `event_data`: JSON. The event's envelope, readable by SQL; or, when it is compressed or encrypted, a text
 * that is the base64 of the bytes.
 *
 * @module
 */
import type { Cipher } from '../../persistence/mapping/cipher.js';
import type { Compressor } from '../../persistence/mapping/compressor.js';
import { DataError } from '../../persistence/errors.js';
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import { fromBase64, toBase64 } from '../../util/base64.js';
import { defaultTranscoder } from '../../persistence/mapping/default-transcoder.js';
import type { EventSeal } from '../events/data-sealer.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { fromOutboundEnvelope, toOutboundEnvelope } from './outbound-envelope.js';

/** How events are kept in the outbox: as in the store, or what is secret there would be readable here. */
export interface OutboxEventDataOptions {
  /** Writes JSON. @defaultValue a `JSONTranscoder` that knows UUIDs, dates and decimals */
  readonly transcoder?: Transcoder | undefined;
  readonly compressor?: Compressor | undefined;
  readonly cipher?: Cipher | undefined;
  /**
   * Seals what is personal, by keys of the people that it is about: `personalSeal`. What is published is readable, but for those
   * who were forgotten in the meantime.
   *
   * @defaultValue personal fields are as readable here as all others
   */
  readonly seal?: EventSeal | undefined;
}

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder('utf-8', { fatal: true });

/** Writes and reads the column. */
export class OutboxEventData {
  readonly #transcoder: Transcoder;
  readonly #compressor: Compressor | undefined;
  readonly #cipher: Cipher | undefined;
  readonly #seal: EventSeal | undefined;

  constructor({ transcoder, compressor, cipher, seal }: OutboxEventDataOptions) {
    this.#transcoder = transcoder ?? defaultTranscoder();
    this.#compressor = compressor;
    this.#cipher = cipher;
    this.#seal = seal;
  }

  /** @throws TranscodingNotRegisteredError (a `TypeError`) when the data has no serialised form */
  async encode(event: NotifiedEvent): Promise<string> {
    const sealed = this.#seal === undefined ? event : await this.#seal.seal(event);
    let bytes = await this.#transcoder.encode(toOutboundEnvelope(sealed));
    if (this.#isPlain) return textDecoder.decode(bytes);
    if (this.#compressor !== undefined) bytes = await this.#compressor.compress(bytes);
    if (this.#cipher !== undefined) bytes = await this.#cipher.encrypt(bytes);
    return JSON.stringify(toBase64(bytes));
  }

  /** @throws DataError (`DATA_ERROR`), or a class of it, when it is not what `encode` made with the same options */
  async decode(text: string): Promise<NotifiedEvent> {
    const event = await this.#decode(text);
    return this.#seal === undefined ? event : await this.#seal.unseal(event);
  }

  async #decode(text: string): Promise<NotifiedEvent> {
    if (this.#isPlain) return fromOutboundEnvelope(await this.#transcoder.decode(textEncoder.encode(text)));
    let bytes: Uint8Array = bytesOf(text);
    if (this.#cipher !== undefined) bytes = await this.#cipher.decrypt(bytes);
    if (this.#compressor !== undefined) bytes = await this.#compressor.decompress(bytes);
    return fromOutboundEnvelope(await this.#transcoder.decode(bytes));
  }

  get #isPlain(): boolean {
    return this.#compressor === undefined && this.#cipher === undefined;
  }
}

function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64(JSON.parse(text) as string);
  } catch (cause) {
    throw new DataError('The data of an outbox entry is not the base64 that was expected: was it written in plain?', {
      cause,
    });
  }
}
