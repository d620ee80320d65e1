/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Publishes to the other tabs, and workers, of the same origin.
 *
 * @module
 */
import type { OutboundMessage, PublishOptions, Publisher } from '../application/outbox/publisher.js';
import { validateFunctions } from '../persistence/validation.js';

/** What arrives at listeners. Structured clones: the body is a `Uint8Array` there too. */
export type BroadcastMessage = OutboundMessage;

/** What of a `BroadcastChannel` is used. */
export interface BroadcastTarget {
  postMessage(message: BroadcastMessage): void;
  close(): void;
}

/** Options of {@link BroadcastPublisher}. */
export interface BroadcastPublisherOptions {
  /** Makes the channel of a destination. @defaultValue a `BroadcastChannel` of its name */
  readonly openChannel?: (destination: string) => BroadcastTarget;
}

// Every destination keeps a channel; more than this many are made by mistake, by an id in the name for example.
const CHANNELS_MAX = 100;

/**
 * Posts messages to the `BroadcastChannel` that is called like their destination. Who listens at that moment gets them;
 * who does not, never: for what must arrive, follow the store itself.
 *
 * @example
 * ```ts
 * await using publisher = new BroadcastPublisher();
 * const worker = new OutboxWorker({ outbox, publish: publisher });
 * new BroadcastChannel('daybook.events').onmessage = ({ data }) => show(data);
 * ```
 */
export class BroadcastPublisher implements Publisher, AsyncDisposable {
  readonly #openChannel: (destination: string) => BroadcastTarget;
  /** The one used longest ago first. */
  readonly #channels = new Map<string, BroadcastTarget>();

  constructor(options: BroadcastPublisherOptions = {}) {
    validateFunctions({ openChannel: options.openChannel });
    this.#openChannel = options.openChannel ?? ((destination) => new BroadcastChannel(destination));
  }

  async publish(message: OutboundMessage, { signal }: PublishOptions): Promise<void> {
    signal.throwIfAborted();
    this.#channel(message.destination).postMessage(message);
    await Promise.resolve();
  }

  /** Closes the channels. What is published afterwards opens them again. */
  async close(): Promise<void> {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
    await Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #channel(destination: string): BroadcastTarget {
    const channel = this.#channels.get(destination) ?? this.#openChannel(destination);
    this.#channels.delete(destination);
    this.#channels.set(destination, channel);
    const [oldest] = this.#channels;
    if (this.#channels.size > CHANNELS_MAX && oldest !== undefined) {
      oldest[1].close();
      this.#channels.delete(oldest[0]);
    }
    return channel;
  }
}
