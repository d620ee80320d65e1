/**
 * What is known of an event beside what happened.
 *
 * @module
 */
import type { Message } from './message-types.js';

/** What JSON holds. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Metadata of the application's own, by their names: letters, digits, `_`, `.` and `-`, as `request_path`. */
export type MetadataAttributes = Readonly<Record<string, JsonValue>>;

/** Who and why: given with a command, and kept with each of its events. */
export interface CommandMetadata {
  /** Who acts: a user, a device, a process. */
  readonly actorId?: string | undefined;
  /** The same for everything that follows from one cause: a request, a scan. @defaultValue the id of the first event */
  readonly correlationId?: string | undefined;
  /** The id of the event, or of the command, that this follows from. */
  readonly causationId?: string | undefined;
  readonly tenantId?: string | undefined;
  /**
   * What else the application wants to know of its events: plain JSON, at most 10,000 characters of it. They are readable to
   * whoever reads the event; texts among them are headers of messages, see `envelopeMessages`.
   */
  readonly attributes?: MetadataAttributes | undefined;
}

/** What is known of an event beside what happened. */
export interface EventMetadata extends CommandMetadata {
  /**
   * Identifies the event everywhere: a UUID, version 7. For an event that was recorded without one, a UUID, version 5, of
   * its position.
   */
  readonly eventId: string;
  /** When it happened, by the clock of the device that it happened on. Never order by it. `undefined` when nobody wrote it down. */
  readonly occurredAt: Date | undefined;
  /** When it was handed to the store, by the same clock. */
  readonly recordedAt: Date | undefined;
  /** Version of the shape of its data, as it was written. */
  readonly schemaVersion: number;
}

/** Where an event stands, and what is known of it. */
export interface EventPosition {
  /** The name of the decider or of the aggregate's class. */
  readonly aggregateType: string;
  readonly originatorId: string;
  /** 1 for the first event of an aggregate. */
  readonly originatorVersion: number;
  readonly metadata: EventMetadata;
}

/** An event of an aggregate, with its position and what is known of it. A union of events stays a union. */
export type RecordedEvent<Event extends Message = Message> = Event extends Message ? Event & EventPosition : never;
