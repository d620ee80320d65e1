/**
 * Finds events by their ids, by time, by who caused them: an index beside the events, written in the same transaction.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { validateCount, validateDate, validateInteger } from '../../persistence/validation.js';
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { ApplicationRecorder } from '../../persistence/recorder.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import type { InlineParticipant } from '../events/inline-participant.js';
import type { NotifiedEvent } from '../events/notified-event.js';

/** Where an event is, and what is known of it. The event itself is in the store. */
export interface IndexedEvent {
  readonly notificationId: NotificationId;
  readonly eventId: string;
  readonly aggregateId: string;
  /** Position in the aggregate, as it was recorded: until it is confirmed, what commutes may be moved to another one. */
  readonly aggregateVersion: number;
  readonly aggregateType: string;
  readonly eventType: string;
  readonly occurredAt: Date | undefined;
  readonly recordedAt: Date | undefined;
  readonly actorId: string | undefined;
  readonly correlationId: string | undefined;
  readonly tenantId: string | undefined;
}

/** Which events to find. Everything that is given must be so. */
export interface EventIndexFilter extends CallOptions {
  /** Occurred at this time, or later. */
  readonly from?: Date;
  /** Occurred before this time: `[from, to)` is half-open, so that days, or hours, follow each other without a gap. */
  readonly to?: Date;
  readonly actorId?: string;
  readonly correlationId?: string;
  readonly tenantId?: string;
  readonly aggregateType?: string;
  readonly aggregateId?: string;
  readonly eventType?: string;
  /**
   * Words, each of which must be in the event's text, or begin one of its words, whatever the case and the accents. Needs
   * an index with `textOf`; without, nothing is found.
   */
  readonly text?: string;
  /** Only notification ids greater than this: page on by the last one. @defaultValue 0 */
  readonly after?: NotificationId;
  /** At most this many. @defaultValue 100 */
  readonly limit?: number;
}

/** Which events to read by way of an index. Everything that is given must be so. */
export interface EventQuery extends CallOptions {
  /** Occurred at this time, or later. @defaultValue whenever it was, unknown times included */
  readonly from?: Date | undefined;
  /** Occurred before this time. */
  readonly to?: Date | undefined;
  readonly actorId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly tenantId?: string | undefined;
  /** Only these topics, as the events are stored under; an empty list filters nothing. @defaultValue `[]` */
  readonly topics?: readonly string[] | undefined;
  /** Only notification ids greater than this. @defaultValue 0 */
  readonly after?: NotificationId | undefined;
  /** Only notification ids up to this (inclusive). @defaultValue no bound */
  readonly stop?: NotificationId | undefined;
  /** At most this many; 0 gives none. @defaultValue no limit */
  readonly limit?: number | undefined;
}

/** A log whose events are indexed: an application. */
export interface IndexedLog {
  readonly recorder: Pick<ApplicationRecorder, 'selectNotifications'>;
  /** As `Application.decode`. */
  decode(notification: Notification): Promise<NotifiedEvent>;
}

/** What {@link EventIndex.catchUp} has done. */
export interface CaughtUp {
  /** Events that were not in the index. */
  readonly added: number;
  /** Events that cannot be read, or whose event ids other events have: they are in no index. */
  readonly unreadable: number;
}

/** An index of the events of one application. */
export interface EventIndex extends InlineParticipant {
  /**
   * Adds events that were recorded before there was an index. Those that are there already are left as they are.
   *
   * @throws DuplicateEventError (`DUPLICATE_EVENT`) when an id belongs to an event at another position
   * @throws LogBehindError (`LOG_BEHIND`) when the index has another event at a position: the log was cut off, or
   *   restored. A commit is refused with it, too
   */
  add(events: readonly NotifiedEvent[], options?: CallOptions): Promise<void>;
  /**
   * Adds what was recorded without the index: before there was one, by other programs, or by others while no application was
   * open that has it. In parts, so that nobody waits long, and from where it was the last time.
   *
   * @param log - the application
   * @throws LogBehindError (`LOG_BEHIND`) when the log does not have (any more) what the index has seen
   * @throws what decoding throws where trying again may help; and the reason of the signal, when it is aborted: what was added
   *   stays
   *
   * @example
   * ```ts
   * const { added } = await index.catchUp(app);
   * ```
   */
  catchUp(log: IndexedLog, options?: CallOptions): Promise<CaughtUp>;
  /** Whether an event of this id was recorded. */
  hasEvent(eventId: string, options?: CallOptions): Promise<boolean>;
  /** The event of this id; `undefined` when there is none. */
  findEvent(eventId: string, options?: CallOptions): Promise<IndexedEvent | undefined>;
  /**
   * Finds events, in the order of their notification ids.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a time is no valid `Date`, or a number is none
   */
  find(filter: EventIndexFilter): Promise<readonly IndexedEvent[]>;
  /** Finds what occurred from a time (inclusive) to another (exclusive), in the order of the notification ids. */
  between(
    range: { readonly from: Date; readonly to: Date },
    page?: Pick<EventIndexFilter, 'after' | 'limit' | 'signal'>,
  ): Promise<readonly IndexedEvent[]>;
  /**
   * Reads the events themselves, in the order of their notification ids, page by page as they are asked for; those that are
   * in the index and have left the log are not among them. `Application.readAll` reads by it.
   *
   * @param log - of the events that are indexed
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) by the first `next`, when a condition is not what it should be
   */
  notifications(
    query: EventQuery,
    log: Pick<ApplicationRecorder, 'selectNotifications'>,
  ): AsyncGenerator<Notification, void, undefined>;
}

/** The text of an event that can be searched; empty when there is none. */
export type TextOf = (event: NotifiedEvent) => string;

/** Events in a list when nothing else is said. */
export const FOUND_EVENTS_DEFAULT = 100;

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a time is no valid `Date`: nothing would be found, and nobody told */
export function validateFilter({ from, to, limit, after }: EventIndexFilter): void {
  if (limit !== undefined) validateCount('limit', limit);
  if (after !== undefined && !Number.isSafeInteger(after)) {
    throw new ProgrammingError(`after must be a safe integer, but is ${String(after)}.`, {
      details: { option: 'after' },
    });
  }
  validateDate('from', from);
  validateDate('to', to);
}

const TEXTS = ['actorId', 'correlationId', 'tenantId'] as const;
const NUMBERS = { after: Number.MIN_SAFE_INTEGER, stop: Number.MIN_SAFE_INTEGER, limit: 0 } as const;

/**
 * @param names - what options are called that are called otherwise
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a condition is not what it should be: other events would be read, and
 *   nobody told
 */
export function validateQuery(query: EventQuery, names: { readonly after?: string } = {}): void {
  for (const key of TEXTS) {
    const value: unknown = query[key];
    if (value === undefined || typeof value === 'string') continue;
    throw new ProgrammingError(`${key} must be a text, but is ${typeof value}.`, { details: { option: key } });
  }
  for (const [key, min] of Object.entries(NUMBERS)) {
    const value = query[key as keyof typeof NUMBERS];
    if (value !== undefined) validateInteger(key === 'after' ? (names.after ?? key) : key, value, min);
  }
  validateDate('from', query.from);
  validateDate('to', query.to);
}

/** What is indexed of an event. */
export function toIndexedEvent(event: NotifiedEvent): IndexedEvent {
  const { metadata } = event;
  return {
    notificationId: event.notificationId,
    eventId: metadata.eventId,
    aggregateId: event.originatorId,
    aggregateVersion: event.originatorVersion,
    aggregateType: event.aggregateType,
    eventType: event.type,
    occurredAt: metadata.occurredAt,
    recordedAt: metadata.recordedAt,
    actorId: metadata.actorId,
    correlationId: metadata.correlationId,
    tenantId: metadata.tenantId,
  };
}
