/**
 * Publishes to NATS JetStream.
 *
 * @module
 */
import { jetstream, JetStreamApiError } from '@nats-io/jetstream';
import type { JetStreamClient } from '@nats-io/jetstream';
import { headers as newHeaders, InvalidArgumentError, InvalidSubjectError } from '@nats-io/transport-node';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { PublishError, PublisherUnavailableError } from '../../application/outbox/publish-errors.js';
import type { OutboundMessage, PublishOptions, Publisher } from '../../application/outbox/publisher.js';
import { checkedMs, FOREIGN_MS_MAX } from '../../persistence/validation.js';
import { encodeHeaderValue } from '../header-values.js';

// Of JetStream: what a stream answers when it is full or does not fit, which may change. Anything below 500 is about the
// message, or about what the stream is configured to take.
const SERVER_TROUBLE = 500;
const CONTENT_TYPE = 'content-type';
// The client waits for this long; the worker's own limit is shorter or longer, and counts too.
const ACK_TIMEOUT_MS = 10_000;

/** Options of {@link NatsPublisher}. */
export interface NatsPublisherOptions {
  /** Connected by the caller, who closes it. Let it reconnect for ever: `maxReconnectAttempts: -1`. */
  readonly connection: NatsConnection;
  /** The subject of a message; a stream must take it. @defaultValue its destination */
  readonly subject?: (message: OutboundMessage) => string;
  /** Milliseconds to wait for the stream's acknowledgement. @defaultValue 10,000 */
  readonly ackTimeoutMs?: number;
}

/**
 * Publishes to streams. The id of the event is the message id, by which a stream drops repetitions: within its
 * `duplicate_window`, which should be longer than a worker is ever down, each event is in the stream exactly once.
 *
 * @example
 * ```ts
 * const connection = await connect({ servers: 'nats://localhost:4222', maxReconnectAttempts: -1 });
 * const worker = new OutboxWorker({ outbox, publish: new NatsPublisher({ connection }) });
 * ```
 */
export class NatsPublisher implements Publisher {
  readonly #client: JetStreamClient;
  readonly #connection: NatsConnection;
  readonly #subject: (message: OutboundMessage) => string;
  readonly #ackTimeoutMs: number;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the time to wait makes no sense */
  constructor(options: NatsPublisherOptions) {
    this.#connection = options.connection;
    this.#client = jetstream(options.connection);
    this.#subject = options.subject ?? (({ destination }) => destination);
    this.#ackTimeoutMs = checkedMs('ackTimeoutMs', options.ackTimeoutMs ?? ACK_TIMEOUT_MS, {
      min: 1,
      max: FOREIGN_MS_MAX,
    });
  }

  /**
   * Resolves when the stream has stored the message, or had stored it before.
   *
   * @throws PublisherUnavailableError (`PUBLISHER_UNAVAILABLE`) when there is no connection, no stream takes the subject,
   *   or the server is in trouble
   * @throws PublishError (`PUBLISH_ERROR`) when the stream refuses the message; with `details.isPermanent` when it is larger than the server allows
   */
  async publish(message: OutboundMessage, { signal }: PublishOptions): Promise<void> {
    signal.throwIfAborted();
    this.#assertFits(message);
    try {
      await this.#client.publish(this.#subject(message), message.body, {
        msgID: message.id,
        headers: toNatsHeaders(message),
        timeout: this.#ackTimeoutMs,
      });
    } catch (error) {
      throw toPublishError(error);
    }
  }

  /** Looked at first, because it would be refused each time, as an error of the connection. */
  #assertFits(message: OutboundMessage): void {
    const bytesMax = this.#connection.info?.max_payload;
    const bytes = message.body.length;
    if (bytesMax === undefined || bytes <= bytesMax) return;
    throw new PublishError(`The message has ${bytes} bytes, and the server takes ${bytesMax}.`, {
      details: { bytes, bytesMax, isPermanent: true },
    });
  }
}

function toNatsHeaders(message: OutboundMessage): MsgHdrs {
  const headers = newHeaders();
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, encodeHeaderValue(value));
  headers.set(CONTENT_TYPE, message.contentType);
  return headers;
}

function toPublishError(cause: unknown): PublishError {
  const message = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  if (isAboutMessage(cause)) return new PublishError(`The message was refused. ${message}`, { cause });
  // No connection, no answer, no stream for the subject: all the same for every other message.
  return new PublisherUnavailableError(`NATS is not available. ${message}`, { cause });
}

function isAboutMessage(cause: unknown): boolean {
  if (cause instanceof JetStreamApiError) return cause.status < SERVER_TROUBLE;
  return cause instanceof InvalidSubjectError || cause instanceof InvalidArgumentError;
}
