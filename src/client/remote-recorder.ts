/**
 * The recorder that lives in the worker, as the main thread sees it.
 *
 * @module
 */
import { transfer } from 'comlink';
import { packEvents, unpackEvents, unpackNotifications } from '../persistence/event-batch.js';
import type {
  InsertEventsOptions,
  ProcessRecorder,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../persistence/recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';
import { validateEvents } from '../persistence/validation.js';
import type { WorkerLink } from './worker-link.js';

/** A {@link ProcessRecorder} at the other end of a {@link WorkerLink}. */
export class RemoteRecorder implements ProcessRecorder {
  readonly #link: WorkerLink;

  constructor(link: WorkerLink) {
    this.#link = link;
  }

  async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    // Here already, because what is malformed cannot be packed; everything else is checked in the worker.
    validateEvents(events);
    const packed = packEvents(events);
    return this.#link.call((host) => host.insertEvents(transfer(packed, [packed.buffer]), options.tracking));
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    return unpackEvents(await this.#link.call((host) => host.selectEvents(originatorId, options)));
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return unpackNotifications(await this.#link.call((host) => host.selectNotifications(options)));
  }

  async maxNotificationId(): Promise<NotificationId> {
    return this.#link.call((host) => host.maxNotificationId());
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    return this.#link.call((host) => host.maxTrackingId(applicationName));
  }

  async hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    return notificationId <= (await this.maxTrackingId(applicationName));
  }
}
