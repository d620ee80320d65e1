/**
 * What a server says of events: on the server, and on the devices that follow its log.
 *
 * @module
 */
import type { NotificationId } from './stored-event.js';

/** What a server says of an event that it has. */
export interface ServerRecord {
  /** When it was recorded there, by the clock of the server. Beside `occurredAt` and `recordedAt`, which are the device's. */
  readonly recordedAt: Date;
  /** Subject that the server knew the sender by; empty when it let everybody in, or the event was recorded beside it. */
  readonly author: string;
}

/** Knows what a server says of events: a server's log of units, and the store of a device that follows one. */
export interface ServerRecords {
  /** Those of some events that the server has. Not among them: what is pending, what it has lost, and what is in no log. */
  serverRecords(ids: readonly NotificationId[]): Promise<ReadonlyMap<NotificationId, ServerRecord>>;
}
