import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import { trackingTaken } from '../position-taken.js';
import { withoutOwnTables, withoutUnits } from '../journal/replica.js';
import type { CheckedCommit, Replica } from '../journal/replica.js';
import type { ProcessTables } from '../serial/serial-recorder.js';
import { steppedUnit } from '../serial/unit-of-work.js';
import type { UnitOfWork, UnitSteps } from '../serial/unit-of-work.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import { MemoryAggregateTable } from './memory-aggregate-table.js';

/** How much there was when a unit began: rolling back takes away what came after. */
interface Mark {
  readonly notifications: number;
  readonly trackingChanges: number;
}

/**
 * Keeps events in plain arrays and maps.
 *
 * Every change is made inside a unit: nothing is ever taken out but the end, by a roll back.
 */
export class MemoryReplica implements Replica, ProcessTables, UnitSteps {
  /** Its transactions, which nest. */
  readonly unit: UnitOfWork = steppedUnit(this);
  readonly #sequences = new MemoryAggregateTable();
  // Sorted by id: the id of notification i is i + 1.
  readonly #notifications: Notification[] = [];
  readonly #tracking = new Map<string, NotificationId>();
  /** What was tracked before each change of the units that are open. */
  readonly #trackingChanges: Tracking[] = [];
  readonly #marks: Mark[] = [];

  maxOriginatorVersion(originatorId: OriginatorId): number {
    return this.#sequences.maxVersion(originatorId);
  }

  hasEvent(originatorId: OriginatorId, originatorVersion: number): boolean {
    return this.#sequences.has(originatorId, originatorVersion);
  }

  maxNotificationId(): NotificationId {
    return this.#notifications.length;
  }

  maxTrackingId(applicationName: string): NotificationId {
    return this.#tracking.get(applicationName) ?? 0;
  }

  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    return this.#sequences.select(originatorId, options);
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

  insertEvents(events: readonly StoredEvent[]): NotificationId[] {
    return events.map((event) => {
      const { originatorId, originatorVersion, topic, state } = event;
      this.#sequences.insert(Object.freeze({ originatorId, originatorVersion, topic, state }));
      const id = this.#notifications.length + 1;
      this.#notifications.push(Object.freeze({ id, originatorId, originatorVersion, topic, state }));
      return id;
    });
  }

  insertTracking(tracking: Tracking): void {
    const { applicationName, notificationId } = tracking;
    const last = this.maxTrackingId(applicationName);
    if (notificationId <= last) throw trackingTaken(tracking, last);
    this.#trackingChanges.push({ applicationName, notificationId: last });
    this.#tracking.set(applicationName, notificationId);
  }

  apply(commits: readonly CheckedCommit[]): void {
    this.unit.run(() => {
      for (const { events, tracking, changes, sync } of commits) {
        if (changes !== undefined) throw withoutOwnTables();
        if (sync !== undefined) throw withoutUnits();
        this.insertEvents(events);
        if (tracking !== undefined) this.insertTracking(tracking);
      }
    });
  }

  begin(): void {
    this.#marks.push({ notifications: this.#notifications.length, trackingChanges: this.#trackingChanges.length });
  }

  commit(): void {
    this.#marks.pop();
    if (this.#marks.length === 0) this.#trackingChanges.length = 0;
  }

  rollback(): void {
    const { notifications, trackingChanges } = this.#marks.pop() as Mark;
    while (this.#notifications.length > notifications) {
      this.#sequences.remove(this.#notifications.pop() as Notification);
    }
    while (this.#trackingChanges.length > trackingChanges) {
      const { applicationName, notificationId } = this.#trackingChanges.pop() as Tracking;
      if (notificationId === 0) this.#tracking.delete(applicationName);
      else this.#tracking.set(applicationName, notificationId);
    }
  }
}
