/**
 * Sequences of aggregates in a collection of their own, without an order of all of them.
 *
 * ```text
 * <name>_<purpose>   originatorId, originatorVersion, topic, state: as in `<name>_events` · _id: the driver's own
 *                    unique index `position` on (originatorId, originatorVersion)
 * ```
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { ProgrammingError } from '../errors.js';
import { heeding, throwIfAborted } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import { eventTaken } from '../position-taken.js';
import type { AggregateRecorder, SelectEventsOptions } from '../recorder.js';
import { LOCK_TIMEOUT_MS_DEFAULT } from '../serial/lock-retry.js';
import type { OriginatorId, StoredEvent } from '../stored-event.js';
import {
  checkedMs,
  NAME_LENGTH_MAX,
  ORIGINATOR_ID_TYPES,
  validateEvents,
  validateSelectEvents,
  validateText,
  validateWord,
} from '../validation.js';
import type { OriginatorIdType } from '../validation.js';
import { collectionOf, createCollection, databaseOf, POSITION_INDEX, prefixOf } from './mongo-collections.js';
import { eventsQuery, toEventFields, toStoredEvent, validateDocumentSizes } from './mongo-documents.js';
import type { MongoClientLike, MongoCollection, MongoDatabase, MongoSession } from './mongo-driver.js';
import { duplicateKeyOf, mongoError } from './mongo-errors.js';
import type { MongoRecorderOptions } from './mongo-recorder.js';
import { MongoSessions } from './mongo-session.js';

const PURPOSE_DEFAULT = 'snapshots';
/** Those of an application's own log, which has another form. */
const OF_LOGS: readonly string[] = ['events', 'tracking', 'head'];

/** Options of {@link MongoAggregateRecorder}. */
export interface MongoAggregateRecorderOptions<
  Client extends MongoClientLike = MongoClientLike,
> extends MongoRecorderOptions<Client> {
  /** Lower-cased, it ends the collection's name; not `events`, `tracking` or `head`. @defaultValue `snapshots` */
  readonly purpose?: string;
}

/**
 * Records sequences of aggregates without notification ids, in a collection of their own. Writers do not wait for one another.
 *
 * @example
 * ```ts
 * const snapshots = new MongoAggregateRecorder({ client, database: 'shop', applicationName: 'warehouse' });
 * await snapshots.createTable();
 * ```
 */
export class MongoAggregateRecorder implements AggregateRecorder {
  readonly #database: MongoDatabase;
  readonly #name: string;
  readonly #events: MongoCollection;
  readonly #sessions: MongoSessions;
  readonly #idType: OriginatorIdType;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a collection cannot be called so, or a time is none */
  constructor(options: MongoAggregateRecorderOptions) {
    const { client, database, applicationName, purpose = PURPOSE_DEFAULT, originatorIdType = 'uuid' } = options;
    const { clock = systemClock, random = Math.random } = options;
    const lockTimeoutMs = checkedMs('lockTimeoutMs', options.lockTimeoutMs ?? LOCK_TIMEOUT_MS_DEFAULT);
    validateWord('originatorIdType', originatorIdType, ORIGINATOR_ID_TYPES);
    validateText('purpose', purpose, NAME_LENGTH_MAX);
    if (OF_LOGS.includes(purpose.toLowerCase())) {
      throw new ProgrammingError(
        `${purpose} is of an application's own log: use a MongoApplicationRecorder there, or another purpose here.`,
      );
    }
    this.#database = databaseOf(client, database);
    this.#name = `${prefixOf(applicationName)}_${purpose.toLowerCase()}`;
    this.#events = collectionOf(this.#database, this.#name);
    this.#sessions = new MongoSessions(client, { lockTimeoutMs, clock, random });
    this.#idType = originatorIdType;
  }

  /**
   * Creates the collection if it is missing. Safe to call again, also by several at once.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) with `details.reason: 'replicaSet'` when the server is no member of a replica set
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it may not be created
   */
  async createTable(): Promise<void> {
    await createCollection(this.#database, this.#name, [POSITION_INDEX]);
  }

  /**
   * As in `AggregateRecorder`. There are no notification ids.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when MongoDB fails; with `details.outcome: 'unknown'` the events may be
   *   stored nevertheless
   * @throws DataError (`DATA_ERROR`) when a state is larger than a document can be
   */
  async insertEvents(events: readonly StoredEvent[], { signal }: CallOptions = {}): Promise<undefined> {
    validateEvents(events, this.#idType);
    validateDocumentSizes(events.map(({ state, topic }) => ({ state, what: topic })));
    throwIfAborted(signal);
    if (events.length === 0) return;
    await heeding(signal, async (begin) => {
      begin();
      await this.#sessions
        .transaction((session) => this.#insert(session, events))
        .catch((error: unknown) => {
          throw mongoError(error);
        });
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options, this.#idType);
    const { filter, options: query } = eventsQuery(originatorId, options);
    return await heeding(options.signal, async () => {
      // To the server, 0 is no limit.
      if (options.limit === 0) return [];
      return await this.#sessions.read(async (session) =>
        (await this.#events.find(filter, { ...query, session }).toArray()).map(toStoredEvent),
      );
    });
  }

  async #insert(session: MongoSession, events: readonly StoredEvent[]): Promise<void> {
    try {
      await this.#events.insertMany(events.map(toEventFields), { session, ordered: true });
    } catch (error) {
      const taken = duplicateKeyOf(error);
      throw taken === undefined ? error : eventTaken(events[taken.index] as StoredEvent, error);
    }
  }
}
