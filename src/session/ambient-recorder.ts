import type { InsertEventsOptions, SelectEventsOptions, SelectNotificationsOptions } from '../persistence/recorder.js';
import type { RecorderTransaction, TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';

/** Hands every call to whichever recorder is the right one at that moment. */
export class AmbientRecorder<Connection> implements TransactionalRecorder<Connection> {
  readonly #current: () => TransactionalRecorder<Connection>;
  readonly #begin: TransactionalRecorder<Connection>['transaction'];

  constructor(
    current: () => TransactionalRecorder<Connection>,
    begin: TransactionalRecorder<Connection>['transaction'],
  ) {
    this.#current = current;
    this.#begin = begin;
  }

  async insertEvents(
    events: readonly StoredEvent[],
    options?: InsertEventsOptions,
  ): Promise<readonly NotificationId[]> {
    return await this.#current().insertEvents(events, options);
  }

  async selectEvents(originatorId: OriginatorId, options?: SelectEventsOptions): Promise<readonly StoredEvent[]> {
    return await this.#current().selectEvents(originatorId, options);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await this.#current().selectNotifications(options);
  }

  async maxNotificationId(): Promise<NotificationId> {
    return await this.#current().maxNotificationId();
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    return await this.#current().maxTrackingId(applicationName);
  }

  async hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    return await this.#current().hasTrackingId(applicationName, notificationId);
  }

  async transaction<T>(work: (transaction: RecorderTransaction<Connection>) => Promise<T>): Promise<T> {
    return await this.#begin(work);
  }
}
