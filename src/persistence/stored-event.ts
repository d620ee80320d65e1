/**
 * What is stored: the one universal event type, and its two sequences.
 *
 * @module
 */

/** Identifies an aggregate: a UUID in its canonical form (lower case, with dashes). */
export type OriginatorId = string;

/** Position in the application sequence: a safe integer, 1 and up, strictly increasing, never reused; gaps are possible. */
export type NotificationId = number;

/**
 * A domain event, ready to be stored: what every recorder takes and gives.
 *
 * (originatorId, originatorVersion) is the event's position in its aggregate's sequence and is unique.
 */
export interface StoredEvent {
  readonly originatorId: OriginatorId;
  /** Position in the aggregate's sequence: a safe integer, 1 and up by convention; 0 and gaps are accepted. */
  readonly originatorVersion: number;
  /** Names the type of the event, for example `stock:Item.Counted`. */
  readonly topic: string;
  /** The event's state as the mapper made it. Not copied: do not change it afterwards. */
  readonly state: Uint8Array;
}

/** A stored event together with its position in the application sequence. */
export interface Notification extends StoredEvent {
  readonly id: NotificationId;
}

/** Says that a notification of another application's sequence was processed. Recorded uniquely, and moves forward only. */
export interface Tracking {
  readonly applicationName: string;
  readonly notificationId: NotificationId;
}

/** A domain event and the notification that recording it made. */
export interface Recording<E> {
  readonly domainEvent: E;
  readonly notification: Notification;
}
