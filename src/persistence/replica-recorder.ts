/**
 * A process recorder over a replica: validates, checks, applies. What it records lives as long as the replica does.
 *
 * @module
 */
import type {
  InsertEventsOptions,
  ProcessRecorder,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from './recorder.js';
import { CommitCheck, notificationIdsOf } from './replica.js';
import type { Replica } from './replica.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from './stored-event.js';
import {
  validateApplicationName,
  validateEvents,
  validateSelectEvents,
  validateSelectNotifications,
  validateTracking,
} from './validation.js';

/** Implements {@link ProcessRecorder} on a synchronous {@link Replica}. */
export class ReplicaRecorder implements ProcessRecorder {
  readonly #replica: Replica;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  // The methods are async so that a refusal is a rejection, as on engines that must wait.
  async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    validateEvents(events);
    if (options.tracking !== undefined) validateTracking(options.tracking);
    const commit = new CommitCheck(this.#replica).check(events, options.tracking);
    this.#replica.apply([commit]);
    return notificationIdsOf(commit);
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options);
    return this.#replica.selectEvents(originatorId, options);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    validateSelectNotifications(options);
    return this.#replica.selectNotifications(options);
  }

  async maxNotificationId(): Promise<NotificationId> {
    return this.#replica.maxNotificationId();
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    validateApplicationName(applicationName);
    return this.#replica.maxTrackingId(applicationName);
  }

  async hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    return notificationId <= (await this.maxTrackingId(applicationName));
  }
}
