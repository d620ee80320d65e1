/**
 * The statements on a log, in a session.
 *
 * Writers take turns by the one document of `<name>_head`: each changes it first, in its transaction. Another one that does
 * so at the same time is undone by the server, and begun again. So positions are given in the order of the commits, without
 * gaps, and a reader that has seen one never misses a smaller one. A counter outside of the transaction would let a smaller
 * position become visible after a larger one.
 *
 * @module
 */
import { InternalError, ProgrammingError } from '../errors.js';
import { eventTaken, trackingTaken } from '../position-taken.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import { HEAD_ID, POSITION_FIELDS } from './mongo-collections.js';
import type { LogCollections } from './mongo-collections.js';
import {
  eventsQuery,
  notificationsQuery,
  toEventDocuments,
  toNotification,
  toSafeInteger,
  toStoredEvent,
} from './mongo-documents.js';
import type { MongoSession } from './mongo-driver.js';
import { duplicateKeyOf } from './mongo-errors.js';

/** Takes back one thing that was done, within the same transaction: there are no savepoints. */
export type Undo = () => Promise<void>;

/** What an insert has done. */
export interface Inserted {
  readonly ids: readonly NotificationId[];
  readonly undo: Undo;
}

/** A log in its collections. What is thrown is the driver's, or Daybook's own. */
export class MongoLog {
  readonly #collections: LogCollections;

  constructor(collections: LogCollections) {
    this.#collections = collections;
  }

  async selectEvents(
    session: MongoSession,
    originatorId: OriginatorId,
    options: SelectEventsOptions,
  ): Promise<readonly StoredEvent[]> {
    if (options.limit === 0) return [];
    const query = eventsQuery(originatorId, options);
    const found = await this.#collections.events.find(query.filter, { ...query.options, session }).toArray();
    return found.map(toStoredEvent);
  }

  async selectNotifications(
    session: MongoSession,
    options: SelectNotificationsOptions,
  ): Promise<readonly Notification[]> {
    if (options.limit === 0) return [];
    const query = notificationsQuery(options);
    const found = await this.#collections.events.find(query.filter, { ...query.options, session }).toArray();
    return found.map(toNotification);
  }

  async maxNotificationId(session: MongoSession): Promise<NotificationId> {
    const head = await this.#collections.head.findOne({ _id: HEAD_ID }, { session });
    if (head === null) throw this.#notCreated();
    return toSafeInteger(head, 'position');
  }

  async maxTrackingId(session: MongoSession, applicationName: string): Promise<NotificationId> {
    const found = await this.#collections.tracking.findOne({ _id: applicationName }, { session });
    return found === null ? 0 : toSafeInteger(found, 'notificationId');
  }

  /**
   * Inserts in a transaction that does nothing else: one that is refused is undone as a whole.
   *
   * @throws IntegrityError (`INTEGRITY_ERROR`) when a position is taken, or the tracking record does not move forward
   */
  async insertAlone(
    session: MongoSession,
    events: readonly StoredEvent[],
    tracking: Tracking | undefined,
  ): Promise<readonly NotificationId[]> {
    const first = await this.#advance(session, events.length);
    if (tracking !== undefined) await this.#track(session, tracking);
    return await this.#insert(session, events, first);
  }

  /**
   * Inserts in a transaction that goes on, whatever becomes of this: an error of the server's would end it, so what would be
   * refused is found out before anything is written.
   *
   * @throws as {@link MongoLog.insertAlone}
   */
  async insertWithin(
    session: MongoSession,
    events: readonly StoredEvent[],
    tracking: Tracking | undefined,
  ): Promise<Inserted> {
    // From here on nobody else writes, and what is read stays.
    const next = await this.#advance(session, 0);
    await this.#assertFree(session, events);
    const before = tracking === undefined ? 0 : await this.#track(session, tracking);
    if (events.length > 0) await this.#advance(session, events.length);
    const ids = await this.#insert(session, events, next);
    const undo = async (): Promise<void> => {
      const { events: collection, tracking: tracks } = this.#collections;
      if (events.length > 0) {
        await collection.deleteMany({ _id: { $gte: BigInt(next) } }, { session });
        await this.#advance(session, -events.length);
      }
      if (tracking === undefined) return;
      const own = { _id: tracking.applicationName };
      if (before === 0) await tracks.deleteOne(own, { session });
      else await tracks.updateOne(own, { $set: { notificationId: BigInt(before) } }, { session });
    };
    return { ids, undo };
  }

  /** Takes the writer's turn, and so many positions. @returns the first of them */
  async #advance(session: MongoSession, count: number): Promise<NotificationId> {
    const after = await this.#collections.head.findOneAndUpdate(
      { _id: HEAD_ID },
      // Without a change there would be no turn.
      { $inc: { position: BigInt(count), turns: 1n } },
      { session, returnDocument: 'after' },
    );
    if (after === null) throw this.#notCreated();
    return toSafeInteger(after, 'position') - Math.max(count, 0) + 1;
  }

  async #insert(
    session: MongoSession,
    events: readonly StoredEvent[],
    first: NotificationId,
  ): Promise<readonly NotificationId[]> {
    if (events.length === 0) return [];
    try {
      await this.#collections.events.insertMany(toEventDocuments(events, first), { session, ordered: true });
    } catch (error) {
      throw this.#conflictOf(error, events) ?? error;
    }
    return events.map((_, index) => first + index);
  }

  #conflictOf(error: unknown, events: readonly StoredEvent[]): Error | undefined {
    const taken = duplicateKeyOf(error);
    if (taken === undefined) return undefined;
    if (taken.fields === undefined || taken.fields === POSITION_FIELDS) {
      return eventTaken(events[taken.index] as StoredEvent, error);
    }
    const { events: name, head } = this.#collections.names;
    return new InternalError(
      `A position of ${name} that was to be given is taken: ${head} is behind its events. Nothing was stored. Set its position to the largest _id of ${name}.`,
      { cause: error },
    );
  }

  async #assertFree(session: MongoSession, events: readonly StoredEvent[]): Promise<void> {
    const wanted = new Map<OriginatorId, Set<number>>();
    for (const event of events) {
      const versions = wanted.get(event.originatorId) ?? new Set();
      if (versions.has(event.originatorVersion)) throw eventTaken(event);
      wanted.set(event.originatorId, versions.add(event.originatorVersion));
    }
    for (const [originatorId, versions] of wanted) {
      const among = { originatorId, originatorVersion: { $in: [...versions].map(BigInt) } };
      const there = await this.#collections.events.findOne(among, { session, sort: { originatorVersion: 1 } });
      if (there !== null) throw eventTaken(toStoredEvent(there));
    }
  }

  /** @returns what was tracked before, or 0 */
  async #track(session: MongoSession, tracking: Tracking): Promise<NotificationId> {
    const { applicationName, notificationId } = tracking;
    const last = await this.maxTrackingId(session, applicationName);
    if (notificationId <= last) throw trackingTaken(tracking, last);
    await this.#collections.tracking.updateOne(
      { _id: applicationName },
      { $set: { notificationId: BigInt(notificationId) } },
      { session, upsert: true },
    );
    return last;
  }

  #notCreated(): ProgrammingError {
    return new ProgrammingError(
      `The collection ${this.#collections.names.head} is not there, or empty. Nothing was stored: call createTable() first.`,
    );
  }
}
