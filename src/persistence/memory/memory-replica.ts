import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import { notificationIdsOf } from '../replica.js';
import type { CheckedCommit, Replica } from '../replica.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';

/** Keeps events in plain arrays and maps. */
export class MemoryReplica implements Replica {
  // Sorted by version; events mostly arrive in that order.
  readonly #aggregates = new Map<OriginatorId, StoredEvent[]>();
  // Sorted by id: the id of notification i is i + 1, because nothing is ever taken out.
  readonly #notifications: Notification[] = [];
  readonly #tracking = new Map<string, NotificationId>();

  maxOriginatorVersion(originatorId: OriginatorId): number {
    return this.#aggregates.get(originatorId)?.at(-1)?.originatorVersion ?? -1;
  }

  hasEvent(originatorId: OriginatorId, originatorVersion: number): boolean {
    const events = this.#aggregates.get(originatorId) ?? [];
    return events[firstAbove(events, originatorVersion - 1)]?.originatorVersion === originatorVersion;
  }

  maxNotificationId(): NotificationId {
    return this.#notifications.length;
  }

  maxTrackingId(applicationName: string): NotificationId {
    return this.#tracking.get(applicationName) ?? 0;
  }

  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    const events = this.#aggregates.get(originatorId) ?? [];
    const from = options.gt === undefined ? 0 : firstAbove(events, options.gt);
    const to = options.lte === undefined ? events.length : firstAbove(events, options.lte);
    const selected = events.slice(from, Math.max(from, to));
    if (options.desc === true) selected.reverse();
    return options.limit === undefined ? selected : selected.slice(0, options.limit);
  }

  selectNotifications(options: SelectNotificationsOptions): Notification[] {
    const topics = options.topics?.length ? new Set(options.topics) : undefined;
    const last = Math.min(options.stop ?? Infinity, this.#notifications.length);
    const selected: Notification[] = [];
    for (let id = Math.max(options.start, 1); id <= last && selected.length < options.limit; id++) {
      const notification = this.#notifications[id - 1] as Notification;
      if (topics === undefined || topics.has(notification.topic)) selected.push(notification);
    }
    return selected;
  }

  apply(commits: readonly CheckedCommit[]): void {
    for (const commit of commits) {
      const ids = notificationIdsOf(commit);
      commit.events.forEach((event, index) => this.#append(event, ids[index] as NotificationId));
      if (commit.tracking !== undefined) {
        this.#tracking.set(commit.tracking.applicationName, commit.tracking.notificationId);
      }
    }
  }

  #append(event: StoredEvent, id: NotificationId): void {
    const { originatorId, originatorVersion, topic, state } = event;
    const stored: StoredEvent = Object.freeze({ originatorId, originatorVersion, topic, state });
    const events = this.#aggregates.get(originatorId);
    if (events === undefined) this.#aggregates.set(originatorId, [stored]);
    else events.splice(firstAbove(events, originatorVersion), 0, stored);
    this.#notifications.push(Object.freeze({ id, originatorId, originatorVersion, topic, state }));
  }
}

/** Index of the first event with a version greater than the given one, by binary search. */
function firstAbove(events: readonly StoredEvent[], version: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events[middle] as StoredEvent).originatorVersion > version) high = middle;
    else low = middle + 1;
  }
  return low;
}
