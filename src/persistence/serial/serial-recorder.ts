/**
 * The three recorder kinds over synchronous tables: they validate, wait for their turn, and let the tables do the rest.
 *
 * @module
 */
import { NotSupportedError } from '../errors.js';
import type { CallOptions } from '../heed-signal.js';
import { assertDecidedOn, withPast } from '../past.js';
import type { PastEvents, PastTables, PlacedPast } from '../past.js';
import type { RebaseTransaction } from '../rebase-transaction.js';
import type { RecorderTransaction, TransactionalRecorder } from '../recorder-transaction.js';
import type {
  AggregateRecorder,
  ApplicationRecorder,
  InsertEventsOptions,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import type { SerialSession } from './serial-session.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import type { UnitOptions } from '../unit.js';
import {
  refuseUnit,
  validateApplicationName,
  validateInteger,
  validateDecidedOn,
  validateEvents,
  validateSelectEvents,
  validateSelectNotifications,
  validateTracking,
  validateUnit,
} from '../validation.js';

/** Where an aggregate recorder keeps its events. Arguments are validated; writes happen inside a unit of work. */
export interface SequenceTables {
  /**
   * Inserts one after the other; the unit takes back what came before a failure.
   *
   * @throws IntegrityError (`INTEGRITY_ERROR`) when a position is taken
   */
  insertEvents(events: readonly StoredEvent[]): unknown;
  /** As in `AggregateRecorder`. */
  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[];
}

/** Where an application recorder keeps its events. */
export interface LogTables extends SequenceTables {
  /** @returns the ids, in the order of the events */
  insertEvents(events: readonly StoredEvent[]): NotificationId[];
  /** As in `ApplicationRecorder`. */
  selectNotifications(options: SelectNotificationsOptions): Notification[];
  /** The largest id that was ever given, or 0. */
  maxNotificationId(): NotificationId;
}

/** Where a process recorder keeps its events and tracking records. */
export interface ProcessTables extends LogTables {
  /** @throws IntegrityError (`INTEGRITY_ERROR`) when the record does not move forward */
  insertTracking(tracking: Tracking): void;
  /** The largest id that was tracked for an application, or 0. */
  maxTrackingId(applicationName: string): NotificationId;
  /**
   * Says what the events of the transaction are as a unit. Absent where events belong to none.
   *
   * @throws IntegrityError (`INTEGRITY_ERROR`) when its id is taken
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the transaction is another unit already
   */
  insertUnit?(unit: UnitOptions): void;
  /** As in `PastTables`. Absent where events belong to no units. */
  pastAt?(originatorId: OriginatorId, upTo: number): PlacedPast | undefined;
}

/** A connection of an engine, and how to make a transaction of it. */
export interface SerialConnection<Connection> {
  readonly session: SerialSession;
  /** Of the recorders on it, and of their transactions. */
  readonly supports?: RecorderSupport;
  /** Makes what a transaction on this connection uses. */
  nest(): SerialTransactionConnection<Connection>;
}

/** The same within a transaction. */
export interface SerialTransactionConnection<Connection> extends SerialConnection<Connection> {
  /** What is lent to the caller. */
  readonly connection: Connection;
  /** Where units can be changed in it. */
  readonly rebase?: RebaseTransaction;
}

// The methods below are async so that a refusal is a rejection, as on engines that must wait.

/** Implements {@link AggregateRecorder} on synchronous tables. */
export class SerialAggregateRecorder implements AggregateRecorder {
  readonly #session: SerialSession;
  readonly #tables: SequenceTables;

  constructor(session: SerialSession, tables: SequenceTables) {
    this.#session = session;
    this.#tables = tables;
  }

  /** Records all events, or none. An aggregate recorder gives no ids. */
  async insertEvents(events: readonly StoredEvent[], options?: CallOptions): Promise<undefined> {
    validateEvents(events);
    await insertion(this.#session, events.length > 0, options, () => void this.#tables.insertEvents(events));
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options);
    return this.#session.run(() => this.#tables.selectEvents(originatorId, options), options);
  }
}

/** Implements {@link ApplicationRecorder} on synchronous tables. */
export class SerialApplicationRecorder implements ApplicationRecorder {
  readonly #session: SerialSession;
  readonly #tables: LogTables;

  constructor(session: SerialSession, tables: LogTables) {
    this.#session = session;
    this.#tables = tables;
  }

  async insertEvents(events: readonly StoredEvent[], options?: CallOptions): Promise<readonly NotificationId[]> {
    validateEvents(events);
    return insertion(this.#session, events.length > 0, options, () => this.#tables.insertEvents(events));
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options);
    return this.#session.run(() => this.#tables.selectEvents(originatorId, options), options);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    validateSelectNotifications(options);
    return this.#session.run(() => this.#tables.selectNotifications(options), options);
  }

  async maxNotificationId(options?: CallOptions): Promise<NotificationId> {
    return this.#session.run(() => this.#tables.maxNotificationId(), options);
  }
}

/** Implements {@link TransactionalRecorder} on synchronous tables. */
export class SerialProcessRecorder<Connection>
  extends SerialApplicationRecorder
  implements TransactionalRecorder<Connection>
{
  readonly supports: RecorderSupport | undefined;
  readonly #connection: SerialConnection<Connection>;
  readonly #tables: ProcessTables;

  constructor(connection: SerialConnection<Connection>, tables: ProcessTables) {
    super(connection.session, tables);
    this.supports = connection.supports;
    this.#connection = connection;
    this.#tables = tables;
  }

  override async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    validateEvents(events);
    const { tracking, unit, decidedOn } = options;
    if (tracking !== undefined) validateTracking(tracking);
    if (this.#tables.insertUnit === undefined) refuseUnit(options);
    if (unit !== undefined) validateUnit(unit);
    if (decidedOn !== undefined) validateDecidedOn(decidedOn);
    return insertion(this.#connection.session, events.length > 0 || tracking !== undefined, options, () => {
      if (unit !== undefined) this.#tables.insertUnit?.(unit);
      if (tracking !== undefined) this.#tables.insertTracking(tracking);
      if (decidedOn !== undefined) assertDecidedOn(this.#pasts(), decidedOn);
      return this.#tables.insertEvents(events);
    });
  }

  /** As in `EditionRecorder`, where events belong to units. */
  async selectPast(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<PastEvents> {
    validateSelectEvents(originatorId, options);
    return this.#connection.session.run(
      () => withPast(this.#pasts(), originatorId, this.#tables.selectEvents(originatorId, options)),
      options,
    );
  }

  async maxTrackingId(applicationName: string, options?: CallOptions): Promise<NotificationId> {
    validateApplicationName(applicationName);
    return this.#connection.session.run(() => this.#tables.maxTrackingId(applicationName), options);
  }

  async hasTrackingId(
    applicationName: string,
    notificationId: NotificationId,
    options?: CallOptions,
  ): Promise<boolean> {
    validateInteger('notificationId', notificationId, 1);
    return notificationId <= (await this.maxTrackingId(applicationName, options));
  }

  async transaction<T>(
    work: (transaction: RecorderTransaction<Connection>) => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    const inner = this.#connection.nest();
    // The tables are the same: their statements run in whatever transaction the connection is in.
    const transaction = new SerialTransaction(inner, this.#tables);
    return await this.#connection.session.transaction(inner.session, () => work(transaction), options);
  }

  #pasts(): PastTables {
    const tables = this.#tables;
    if (tables.pastAt === undefined) throw new NotSupportedError('Events of this recorder belong to no units.');
    return tables as ProcessTables & PastTables;
  }
}

class SerialTransaction<Connection>
  extends SerialProcessRecorder<Connection>
  implements RecorderTransaction<Connection>
{
  readonly connection: Connection;
  readonly rebase: RebaseTransaction | undefined;

  constructor(connection: SerialTransactionConnection<Connection>, tables: ProcessTables) {
    super(connection, tables);
    this.connection = connection.connection;
    this.rebase = connection.rebase;
  }
}

/** Nothing to write needs no transaction; that the tables are there is checked all the same. */
function insertion<T>(
  session: SerialSession,
  writes: boolean,
  options: CallOptions | undefined,
  work: () => T,
): T | Promise<T> {
  return writes ? session.write(work, options) : session.run(work, options);
}
