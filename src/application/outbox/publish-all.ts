/**
 * Publishing without an outbox.
 *
 * @module
 */
import { throwIfAborted } from '../../persistence/heed-signal.js';
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { envelopeMessages } from './message-format.js';
import type { MessageFormat } from './message-format.js';
import type { Publisher } from './publisher.js';

/** Options of {@link publishAll}. */
export interface PublishAllOptions extends CallOptions {
  /** Makes the messages. @defaultValue `envelopeMessages()` */
  readonly format?: MessageFormat;
}

const NEVER = new AbortController().signal;

/**
 * Publishes events one after the other, in their order: a log that is shown to a new consumer, for example. What is recorded
 * from now on goes out by an outbox, which loses nothing when this program ends.
 *
 * @param events - as `app.readAll()` gives them, or a list
 * @returns how many were published
 * @throws what the publisher throws of the first one that it does not take: those before it were published, and those after it
 *   were not. Publish all of them again: consumers tell by the id of a message
 * @throws the signal's reason when it is aborted; the publisher is given the signal, too
 *
 * @example
 * ```ts
 * await publishAll(new WebhookPublisher({ url, secret }), app.readAll({ gt: position }));
 * ```
 */
export async function publishAll(
  publisher: Publisher,
  events: Iterable<NotifiedEvent> | AsyncIterable<NotifiedEvent>,
  { format = envelopeMessages(), signal }: PublishAllOptions = {},
): Promise<number> {
  let count = 0;
  throwIfAborted(signal);
  for await (const event of events) {
    const message = await format(event);
    throwIfAborted(signal);
    await publisher.publish(message, { signal: signal ?? NEVER });
    count++;
  }
  return count;
}
