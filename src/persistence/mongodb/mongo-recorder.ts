/**
 * The recorders on MongoDB.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { FifoMutex } from '../../util/fifo-mutex.js';
import { Listeners } from '../../util/listeners.js';
import { heeding, workUnlessAborted } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import { followLooking, looking } from '../looking-subscription.js';
import type { SubscribeOptions } from '../looking-subscription.js';
import type { RecorderTransaction, TransactionalRecorder } from '../recorder-transaction.js';
import type {
  ApplicationRecorder,
  InsertEventsOptions,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import { LOCK_TIMEOUT_MS_DEFAULT } from '../serial/lock-retry.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import type { Subscription } from '../subscription.js';
import { withEnds } from '../transaction-ends.js';
import { checkedMs, ORIGINATOR_ID_TYPES, validateFunction, validateWord } from '../validation.js';
import type { OriginatorIdType } from '../validation.js';
import { createLog, databaseOf, logCollections } from './mongo-collections.js';
import type { LogCollections, MongoCollectionOptions } from './mongo-collections.js';
import type { MongoClientLike } from './mongo-driver.js';
import { mongoError } from './mongo-errors.js';
import { MongoLog } from './mongo-log.js';
import { MongoSessionRecorder } from './mongo-session-recorder.js';
import type { MongoCalls } from './mongo-session-recorder.js';
import { MongoSessions } from './mongo-session.js';
import { MongoTransactionLevel } from './mongo-transaction.js';
import type { MongoConnection } from './mongo-transaction.js';

const APPLICATION: RecorderSupport = { notifications: true, subscriptions: true };
const TRANSACTION: RecorderSupport = { notifications: true, tracking: true, transactions: true };
const PROCESS: RecorderSupport = { ...TRANSACTION, ...APPLICATION };

/** Options of {@link MongoApplicationRecorder} and {@link MongoProcessRecorder}. */
export interface MongoRecorderOptions<
  Client extends MongoClientLike = MongoClientLike,
> extends MongoCollectionOptions<Client> {
  /**
   * What identifies aggregates: `uuid`, or `text` for any texts of up to 500 characters. They are stored alike.
   *
   * @defaultValue `uuid`
   */
  readonly originatorIdType?: OriginatorIdType;
  /**
   * Milliseconds for which a commit is begun again while other writers are first, or the replica set changes its primary.
   *
   * @defaultValue 5,000
   */
  readonly lockTimeoutMs?: number;
  /** For tests. @defaultValue the platform's clock */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive), for waits between attempts. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/**
 * Records an application's events in a total order, one document for each.
 *
 * @example
 * ```ts
 * const client = await new MongoClient('mongodb://localhost:27017/?replicaSet=rs0').connect();
 * const recorder = new MongoApplicationRecorder({ client, database: 'shop', applicationName: 'warehouse' });
 * await recorder.createTable();
 * for await (const notification of recorder.subscribe({ gt: lastSeen, signal })) handle(notification);
 * ```
 */
export class MongoApplicationRecorder<Client extends MongoClientLike = MongoClientLike> implements ApplicationRecorder {
  readonly supports: RecorderSupport = APPLICATION;
  /** Where the collections are. */
  readonly database: ReturnType<Client['db']>;
  /** @internal */
  readonly sessions: MongoSessions;
  protected readonly log: MongoLog;
  protected readonly idType: OriginatorIdType;
  /** Does the work, each call in a session of its own. */
  protected readonly recorder: MongoSessionRecorder;
  protected readonly recorded: Listeners = new Listeners();
  readonly #collections: LogCollections;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when collections cannot be called so, or a time is none */
  constructor(options: MongoRecorderOptions<Client>) {
    const { client, database, applicationName, originatorIdType = 'uuid' } = options;
    const { clock = systemClock, random = Math.random } = options;
    const lockTimeoutMs = checkedMs('lockTimeoutMs', options.lockTimeoutMs ?? LOCK_TIMEOUT_MS_DEFAULT);
    validateWord('originatorIdType', originatorIdType, ORIGINATOR_ID_TYPES);
    this.database = databaseOf(client, database);
    this.#collections = logCollections(this.database, applicationName);
    this.sessions = new MongoSessions(client, { lockTimeoutMs, clock, random });
    this.log = new MongoLog(this.#collections);
    this.idType = originatorIdType;
    this.recorder = new MongoSessionRecorder(this.#calls(clock), this.log, originatorIdType);
  }

  /**
   * Creates the collections that are missing. Safe to call again, also by several at once, and while others write.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) with `details.reason: 'replicaSet'` when the server is no member of a replica set
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when they may not be created
   */
  async createTable(): Promise<void> {
    await createLog(this.database, this.#collections);
  }

  /**
   * As in `ApplicationRecorder`. Begun again by itself while other writers are first.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when MongoDB fails; with `details.reason: 'locked'` when others were first
   *   for too long; with `details.outcome: 'unknown'` the events may be stored nevertheless
   * @throws DataError (`DATA_ERROR`) when a state is larger than a document can be
   */
  async insertEvents(events: readonly StoredEvent[], { signal }: CallOptions = {}): Promise<readonly NotificationId[]> {
    return await this.recorder.insertEvents(events, { signal });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    return await this.recorder.selectEvents(originatorId, options);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await this.recorder.selectNotifications(options);
  }

  async maxNotificationId(options?: CallOptions): Promise<NotificationId> {
    return await this.recorder.maxNotificationId(options);
  }

  /**
   * Follows the notifications: those that are recorded, then those that will be, each once and in order, by whichever writer.
   * What this recorder commits is there at once; what others do, when it looks, every second unless told otherwise.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) at once when an option is not what it should be
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be read; subscribe again after the last id
   */
  subscribe(options: SubscribeOptions = {}): Subscription {
    return followLooking(this, options, ({ onNews, ...looks }) => {
      const stops = [this.recorded.add(onNews), looking(looks, onNews)];
      return () => stops.forEach((stop) => stop());
    });
  }

  #calls(clock: Clock): MongoCalls {
    // Those of one process would only undo each other. Whoever waits here holds nothing that the one before waits for.
    const turns = new FifoMutex({ waitMsMax: Infinity, clock, tooLong: () => new Error('never') });
    return {
      assertOpen: () => undefined,
      read: (work) => this.sessions.read(work),
      insert: async (events, tracking, begin) => {
        const ids = await turns.run(() => {
          begin();
          return this.#insert(events, tracking);
        });
        if (ids.length > 0) this.recorded.tell();
        return ids;
      },
    };
  }

  async #insert(events: readonly StoredEvent[], tracking: Tracking | undefined): Promise<readonly NotificationId[]> {
    try {
      return await this.sessions.transaction((session) => this.log.insertAlone(session, events, tracking));
    } catch (error) {
      throw mongoError(error);
    }
  }
}

/**
 * A process recorder whose events are in MongoDB.
 *
 * @example
 * ```ts
 * const client = await new MongoClient('mongodb://localhost:27017/?replicaSet=rs0').connect();
 * const recorder = new MongoProcessRecorder({ client, database: 'shop', applicationName: 'warehouse' });
 * await recorder.createTable();
 * await recorder.transaction(async (transaction) => {
 *   const { database, session } = transaction.connection;
 *   await database.collection('orders').insertOne({ orderId }, { session });
 *   await transaction.insertEvents(events);
 * });
 * ```
 */
export class MongoProcessRecorder<Client extends MongoClientLike = MongoClientLike>
  extends MongoApplicationRecorder<Client>
  implements TransactionalRecorder<MongoConnection<Client>>
{
  override readonly supports: RecorderSupport = PROCESS;

  /** As in `ProcessRecorder`; otherwise as {@link MongoApplicationRecorder.insertEvents}. */
  override async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    return await this.recorder.insertEvents(events, options);
  }

  async maxTrackingId(applicationName: string, options?: CallOptions): Promise<NotificationId> {
    return await this.recorder.maxTrackingId(applicationName, options);
  }

  async hasTrackingId(
    applicationName: string,
    notificationId: NotificationId,
    options?: CallOptions,
  ): Promise<boolean> {
    return await this.recorder.hasTrackingId(applicationName, notificationId, options);
  }

  /**
   * As in `TransactionalRecorder`. The work runs again when another writer was first: nothing in it is to have an effect but by
   * the transaction. It begins to keep others from recording when it records itself, and is undone by the server after 60
   * seconds.
   *
   * A transaction within it is taken back alone, unless its work has asked for the `session`: there are no savepoints, and the
   * whole transaction is refused then. An error of a call with the session ends the transaction: let it reject the work.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'locked'` when others were first for too long; with
   *   `details.outcome: 'unknown'` when nobody answered the commit
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the work has ended the transaction itself, or went on where it could not
   */
  async transaction<T>(
    work: (transaction: RecorderTransaction<MongoConnection<Client>>) => Promise<T>,
    { signal }: CallOptions = {},
  ): Promise<T> {
    return await withEnds(
      this,
      async (heard) => await heeding(signal, (begin) => this.#transaction(workUnlessAborted(signal, begin, heard))),
      work,
    );
  }

  async #transaction<T>(work: (transaction: RecorderTransaction<MongoConnection<Client>>) => Promise<T>): Promise<T> {
    const run = { hasRecorded: false };
    const result = await this.sessions.transaction(async (session) => {
      run.hasRecorded = false;
      const level = new MongoTransactionLevel(session);
      const means: TransactionMeans<Client> = {
        log: this.log,
        idType: this.idType,
        database: this.database,
        onRecorded: () => (run.hasRecorded = true),
      };
      return await level.whole(() => work(new MongoTransaction(level, means)));
    });
    if (run.hasRecorded) this.recorded.tell();
    return result;
  }
}

interface TransactionMeans<Client extends MongoClientLike> {
  readonly log: MongoLog;
  readonly idType: OriginatorIdType;
  readonly database: ReturnType<Client['db']>;
  readonly onRecorded: () => void;
}

const levels = new WeakMap<object, MongoTransactionLevel>();

/** What a transaction of a recorder here runs on; `undefined` of any other. */
export function levelOf(transaction: object): MongoTransactionLevel | undefined {
  return levels.get(transaction);
}

/** A transaction of a recorder, or one within it. */
class MongoTransaction<Client extends MongoClientLike>
  extends MongoSessionRecorder
  implements RecorderTransaction<MongoConnection<Client>>
{
  readonly supports: RecorderSupport = TRANSACTION;
  readonly connection: MongoConnection<Client>;
  readonly #level: MongoTransactionLevel;
  readonly #means: TransactionMeans<Client>;

  constructor(level: MongoTransactionLevel, means: TransactionMeans<Client>) {
    super(callsOf(level, means), means.log, means.idType);
    this.#level = level;
    this.#means = means;
    levels.set(this, level);
    const { database } = means;
    this.connection = {
      database,
      get session() {
        return level.lendSession() as ReturnType<Client['startSession']>;
      },
    };
  }

  async transaction<T>(
    work: (transaction: RecorderTransaction<MongoConnection<Client>>) => Promise<T>,
    { signal }: CallOptions = {},
  ): Promise<T> {
    validateFunction('work', work);
    return await heeding(signal, (begin) =>
      this.#level.within((level) => workUnlessAborted(signal, begin, work)(new MongoTransaction(level, this.#means))),
    );
  }
}

function callsOf<Client extends MongoClientLike>(
  level: MongoTransactionLevel,
  { log, onRecorded }: TransactionMeans<Client>,
): MongoCalls {
  return {
    assertOpen: () => level.assertOpen(),
    read: (work) => level.inTurn(work),
    insert: (events, tracking, begin) =>
      level.inTurn(async (session, undoneBy) => {
        begin();
        const { ids, undo } = await log.insertWithin(session, events, tracking);
        undoneBy(undo);
        if (ids.length > 0) onRecorded();
        return ids;
      }),
  };
}
