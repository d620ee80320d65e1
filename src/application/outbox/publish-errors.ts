/**
 * Errors of publishing.
 *
 * ```text
 * EventSourcingError
 * └─ PublishError                 a message was not taken
 *    └─ PublisherUnavailableError  nothing can be sent at present, whatever the message
 * ```
 *
 * @module
 */
import { EventSourcingError } from '../../domain/errors.js';
import type { EventSourcingErrorClass } from '../../domain/errors.js';

/** What is known of a failure. */
export interface PublishErrorDetails extends Readonly<Record<string, string | number | boolean | undefined>> {
  /** Milliseconds that the other side asks to wait for; an hour at the most is respected. */
  readonly retryAfterMs?: number;
  /** Whether it makes no sense to try again: the message is too large, for example. */
  readonly isPermanent?: boolean;
}

/** A message was not taken. It counts as a failed attempt, unless the publisher was not available at all. */
export class PublishError extends EventSourcingError<PublishErrorDetails> {
  static override readonly code: string = 'PUBLISH_ERROR';
}

/** Nothing can be sent at present: no connection, or the other side is overloaded. No message is to blame. */
export class PublisherUnavailableError extends PublishError {
  static override readonly code: string = 'PUBLISHER_UNAVAILABLE';
}

/** Every class above, for an error codec. */
export const PUBLISH_ERRORS: readonly EventSourcingErrorClass[] = [
  PublishError,
  PublisherUnavailableError,
] as readonly EventSourcingErrorClass[];
