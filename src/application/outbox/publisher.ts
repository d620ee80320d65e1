/**
 * How messages get out: the interface between the outbox and whatever carries messages.
 *
 * @module
 */

/** One message, ready to be sent. */
export interface OutboundMessage {
  /** The id of the event: the same each time that the message is sent, so receivers can tell repetitions. */
  readonly id: string;
  /** Where it goes: a subject, a topic, a channel, by what carries it. */
  readonly destination: string;
  /** What is known of the event, as texts of any characters; what carries them encodes them as it must. */
  readonly headers: Readonly<Record<string, string>>;
  /** The media type of the body. */
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Options of {@link Publisher.publish}. */
export interface PublishOptions {
  /** Aborted when there is no time left. What is under way may arrive nevertheless. */
  readonly signal: AbortSignal;
}

/** Sends messages. */
export interface Publisher {
  /**
   * Sends one message. Resolves when the receiver, or the broker, has taken it over for good.
   *
   * @throws PublisherUnavailableError (`PUBLISHER_UNAVAILABLE`) when nothing can be sent at present, whatever the message
   * @throws PublishError (`PUBLISH_ERROR`) when this message was not taken; anything else thrown counts as one
   */
  publish(message: OutboundMessage, options: PublishOptions): Promise<void>;
}

/** A {@link Publisher} as a function. */
export type Publish = Publisher['publish'];
