/**
 * The recorders on PostgreSQL, in the tables of the Python library.
 *
 * @module
 */
import { heeding, workUnlessAborted } from '../heed-signal.js';
import type { Begin, CallOptions } from '../heed-signal.js';
import { validateWriter } from '../recorder-transaction.js';
import type { RecorderTransaction, TransactionOptions } from '../recorder-transaction.js';
import type {
  AggregateRecorder,
  ApplicationRecorder,
  InsertEventsOptions,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import type { Creations } from '../sql/sql-names.js';
import type { SqlDialect } from '../sql/sql-dialect.js';
import type { SqlResult } from '../sql/sql-queryable.js';
import type { SqlRecorder } from '../sql/sql-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { withEnds } from '../transaction-ends.js';
import type { Clock } from '../../util/clock.js';
import type { SubscribeOptions } from '../looking-subscription.js';
import type { ChangeListener, ChangeSource } from '../store-changes.js';
import type { ArchivableRecorder, ArchivedAggregate } from '../archive.js';
import { announcing } from './postgres-announcer.js';
import { PostgresChanges } from './postgres-changes.js';
import { createTables, creationsOf } from './postgres-create.js';
import type { TableCreation } from './postgres-create.js';
import { postgresDialect } from './postgres-dialect.js';
import type { PostgresPool, PostgresQueryable } from './postgres-driver.js';
import { PostgresEventsTable } from './postgres-events-table.js';
import { PostgresListener } from './postgres-listener.js';
import { idleTimeoutMsOf, lockSql } from './postgres-recorder-options.js';
import type { PostgresProcessRecorderOptions, PostgresRecorderOptions } from './postgres-recorder-options.js';
import { postgresAggregateTable, postgresTables } from './postgres-schema.js';
import type { PostgresAggregateTable, PostgresAggregateTableOptions, PostgresTables } from './postgres-schema.js';
import { insertProven } from './postgres-repetition.js';
import { SessionRecorder } from './postgres-session-recorder.js';
import type { RecorderTables } from './postgres-session-recorder.js';
import { PoolSession } from './postgres-session.js';
import { follow, hear } from './postgres-subscription.js';
import type { Subscription } from '../subscription.js';
import { guardedPool, tenantSql } from './postgres-tenants.js';
import { PostgresTrackingTable } from './postgres-tracking-table.js';
import { inTransaction } from './postgres-transaction.js';
import type { TransactionSession } from './postgres-transaction.js';
import { validateFunction, validateStatement } from '../validation.js';

const FOLLOWED: RecorderSupport = { notifications: true, subscriptions: true };
const TRANSACTION: RecorderSupport = { notifications: true, tracking: true, transactions: true };
const COMPLETE: RecorderSupport = { ...TRANSACTION, ...FOLLOWED, sql: true };

/** Options of {@link PostgresAggregateRecorder}. */
export interface PostgresAggregateRecorderOptions extends PostgresAggregateTableOptions {
  /** Connections. Lent, not owned: the caller closes it. */
  readonly pool: PostgresPool;
}

/**
 * Records sequences of aggregates in a table without notification ids. Writers do not wait for one another.
 *
 * @example
 * ```ts
 * const snapshots = new PostgresAggregateRecorder({ pool, applicationName: 'warehouse', purpose: 'snapshots' });
 * await snapshots.createTable();
 * ```
 */
export class PostgresAggregateRecorder implements AggregateRecorder {
  readonly #pool: PostgresPool;
  readonly #session: PoolSession;
  readonly #table: PostgresAggregateTable;
  readonly #events: PostgresEventsTable;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is longer than PostgreSQL allows */
  constructor(options: PostgresAggregateRecorderOptions) {
    this.#pool = options.pool;
    this.#session = new PoolSession(options.pool);
    this.#table = postgresAggregateTable(options);
    this.#events = new PostgresEventsTable(this.#table);
  }

  /** What the table is made of, for a `Migrator` and for who prints it. */
  get tables(): Creations {
    const { names, createSql } = this.#table;
    return creationsOf(names.schema, { name: names.events, sql: createSql });
  }

  /**
   * Creates the table if it is missing. Safe to call again, also by several at once.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the schema does not exist or may not be written
   */
  async createTable(): Promise<void> {
    await createTables(this.#pool, [{ table: this.#table.events, sql: this.#table.createSql }]);
  }

  /**
   * As in `AggregateRecorder`. There are no notification ids.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when PostgreSQL fails; with `details.outcome: 'unknown'` the
   *   events may be stored nevertheless
   */
  async insertEvents(events: readonly StoredEvent[], { signal }: CallOptions = {}): Promise<undefined> {
    this.#events.validate(events);
    if (events.length === 0) return;
    const [session, table] = [this.#session, this.#events];
    await heeding(signal, (begin) => {
      const insert = async (): Promise<void> => {
        await session.write(table.insertSql(events), { begin }).catch((error: unknown) => {
          throw table.toConflict(error, events) ?? error;
        });
      };
      return insertProven({ session, table, events, insert });
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    return await heeding(options.signal, () => this.#events.select(this.#session, originatorId, options));
  }
}

/**
 * Records an application's events in a total order, in the table of the Python library.
 *
 * @example
 * ```ts
 * const pool = await createPgPool({ connectionString: process.env.DATABASE_URL });
 * const recorder = new PostgresApplicationRecorder({ pool, applicationName: 'warehouse' });
 * await recorder.createTable();
 * for await (const notification of recorder.subscribe({ gt: lastSeen, signal })) handle(notification);
 * ```
 */
export class PostgresApplicationRecorder implements ApplicationRecorder {
  readonly supports: RecorderSupport = FOLLOWED;
  protected readonly pool: PostgresPool;
  protected readonly session: PoolSession;
  protected readonly names: PostgresTables;
  protected readonly parts: RecorderTables;
  /** The pool that work is done on: it lends nothing where tenants would see each other. */
  protected readonly workPool: PostgresPool;
  protected readonly opening: readonly string[];
  /** Does the work, on whichever connection is free. */
  protected readonly recorder: SessionRecorder;
  protected readonly listener: PostgresListener;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is longer than PostgreSQL allows, or a timeout is none */
  constructor(options: PostgresRecorderOptions) {
    const { pool } = options;
    this.pool = pool;
    this.names = postgresTables(options);
    const { shared } = options;
    this.workPool = shared === undefined ? pool : guardedPool(pool, shared, this.names.events);
    this.opening = shared === undefined ? [] : tenantSql(shared).opening;
    this.session = new PoolSession(this.workPool, this.opening.join(';\n'));
    this.parts = {
      events: new PostgresEventsTable(this.names),
      tracking: new PostgresTrackingTable(this.names),
      lockSql: lockSql(this.names, options.lockTimeoutMs),
      announce: announcing(pool, this.names.channel),
    };
    this.recorder = new SessionRecorder(this.session, this.parts);
    this.listener = new PostgresListener(pool, this.names.channel);
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. */
  get tables(): Creations {
    const { names, createEventsSql } = this.names;
    return creationsOf(names.schema, { name: names.events, sql: createEventsSql });
  }

  /**
   * Creates the tables that are missing. Safe to call again, also by several at once, while others write, and by a role
   * that may not create where they are there. A schema is not created.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the schema does not exist or may not be written
   */
  async createTable(): Promise<void> {
    await createTables(this.pool, [this.eventsCreation()]);
  }

  /**
   * As in `ApplicationRecorder`.
   *
   * Repeated by itself only where it cannot be recorded twice: when nothing was sent because the connection had ended
   * before, or the server ended the session. What is stored at the positions then proves which attempt counts.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when PostgreSQL fails; with `details.outcome: 'unknown'` the
   *   events may be stored nevertheless
   */
  async insertEvents(events: readonly StoredEvent[], options?: CallOptions): Promise<readonly NotificationId[]> {
    return await this.recorder.insertEvents(events, options);
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

  protected eventsCreation(): TableCreation {
    const { events, columns, createEventsSql, tenants } = this.names;
    return {
      table: events,
      ...(tenants === undefined ? { indexed: columns.notificationId } : {}),
      sql: createEventsSql,
    };
  }

  /**
   * Follows the notifications: those that are recorded, then those that will be, each once and in order, by whichever
   * writer. The next ones are read when they are asked for. Stopping the iteration stops listening.
   *
   * While anybody iterates, one connection is kept for `LISTEN`.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) at once when an option is not what it should be
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be read; subscribe again after the last id
   */
  subscribe(options: SubscribeOptions = {}): Subscription {
    return follow(this, this.listener, options);
  }

  /**
   * Hears when events were recorded, by whichever process that says so with `NOTIFY`, as recorders and the Python library
   * do after each commit. A hint: it comes once for several commits, for nothing at times, and not at all from plain SQL
   * or where the connection takes no notifications. While anybody listens or iterates, one connection is kept.
   *
   * @returns stops the calls
   */
  listen(onNews: () => void, { clock }: { readonly clock?: Clock } = {}): () => Promise<void> {
    validateFunction('onNews', onNews);
    return hear(this.listener, { onNews, clock });
  }
}

/**
 * A process recorder whose events are in PostgreSQL, in the tables of the Python library.
 *
 * @example
 * ```ts
 * const pool = await createPgPool({ connectionString: process.env.DATABASE_URL });
 * const recorder = new PostgresProcessRecorder({ pool, applicationName: 'warehouse' });
 * await recorder.createTable();
 * await recorder.transaction(async (transaction) => {
 *   await transaction.connection.query('INSERT INTO orders (id) VALUES ($1)', [orderId]);
 *   await transaction.insertEvents(events);
 * });
 * ```
 */
export class PostgresProcessRecorder
  extends PostgresApplicationRecorder
  implements SqlRecorder, ChangeSource, ArchivableRecorder
{
  override readonly supports: RecorderSupport = COMPLETE;
  readonly dialect: SqlDialect;
  readonly owner: PostgresProcessRecorder | undefined;
  readonly #idleTimeoutMs: number;
  readonly #changes: PostgresChanges;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is longer than PostgreSQL allows, or a timeout is none */
  constructor(options: PostgresProcessRecorderOptions) {
    super(options);
    const { events: eventsTable, tracking: trackingTable, columns, originatorIdType, tenants } = this.names;
    const { lockSql } = this.parts;
    const log = { eventsTable, trackingTable, columns, originatorIdType, lockSql, tenants };
    this.dialect = { ...postgresDialect(log, options.pool), archive: this.names.archive };
    this.owner = options.shared === undefined ? undefined : new PostgresProcessRecorder(withoutTenant(options));
    this.#idleTimeoutMs = idleTimeoutMsOf(options);
    this.#changes = new PostgresChanges({
      sql: this,
      log: { eventsTable, columns },
      maxNotificationId: () => this.maxNotificationId(),
      hear: (onNews) => hear(this.listener, { onNews, onPoll: onNews }),
    });
  }

  override get tables(): Creations {
    const { names, createEventsSql, createTrackingSql } = this.names;
    return creationsOf(
      names.schema,
      { name: names.events, sql: createEventsSql },
      { name: names.tracking ?? '', sql: createTrackingSql },
    );
  }

  override async createTable(): Promise<void> {
    const { tracking, createTrackingSql } = this.names;
    await createTables(this.pool, [this.eventsCreation(), { table: tracking, sql: createTrackingSql }]);
  }

  /**
   * As in `ProcessRecorder`.
   *
   * Repeated by itself only where it cannot be recorded twice: when nothing was sent because the connection had ended
   * before, or the server ended the session. What is stored at the positions then proves which attempt counts.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when PostgreSQL fails; with `details.outcome: 'unknown'` the
   *   events may be stored nevertheless
   */
  override async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    const ids = await this.recorder.insertEvents(events, options);
    this.#changes.toldOf({ texts: [], events, ids });
    return ids;
  }

  /**
   * Tells what was written: of this recorder's commits the aggregates and the tables that its statements name; of events of other
   * processes the aggregates, and any table, soon after. What others write without events is told by nobody. While anybody listens,
   * one connection is kept for `LISTEN`.
   */
  onChanged(listener: ChangeListener, onEnd?: (error: Error) => void): () => void {
    return this.#changes.onChanged(listener, onEnd);
  }

  async selectArchived(originatorId: OriginatorId): Promise<ArchivedAggregate | undefined> {
    return await this.recorder.selectArchived(originatorId);
  }

  /** @internal */
  async selectRemaining(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await this.recorder.selectRemaining(options);
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
   * Runs a statement outside of any transaction: it sees what is committed.
   *
   * @throws DatabaseError (`DATABASE_ERROR`) and its subclasses; the server's own error is the cause
   */
  async query(text: string, values: unknown[] = []): Promise<SqlResult> {
    validateStatement(text, values);
    const rows = await this.session.read(text, values);
    this.#changes.toldOf({ texts: [text], events: [], ids: [] });
    return { rows };
  }

  /** As in `SqlRecorder`. @internal */
  async runAlone(text: string): Promise<void> {
    await this.session.once(text);
  }

  /**
   * As in `TransactionalRecorder`. Errors of the caller's own SQL are Daybook's, and the server's own is their cause. Each transaction has a connection of its own; the first events that it records lock
   * the table, so other writers wait until it has ended.
   *
   * A statement of the caller's that fails spoils the transaction, as always in PostgreSQL, unless it ran in an inner
   * transaction that was rolled back.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` when the connection breaks during
   *   the commit
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a statement failed and the work went on as if it had not
   */
  async transaction<T>(
    work: (transaction: RecorderTransaction<PostgresQueryable>) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    validateWriter(options);
    const { signal, writer } = options;
    return await withEnds(
      this,
      async (heard) => await heeding(signal, (begin) => this.#transaction(heard, { signal, begin, writer })),
      work,
    );
  }

  async #transaction<T>(
    work: (transaction: RecorderTransaction<PostgresQueryable>) => Promise<T>,
    { signal, begin, writer }: TransactionOptions & { readonly begin: Begin },
  ): Promise<T> {
    const options = { idleTimeoutMs: this.#idleTimeoutMs, opening: this.opening, isReading: writer === false };
    const written: Written = { texts: [], events: [], ids: [] };
    const result = await inTransaction(this.workPool, options, (session) => {
      const lent = new PostgresTransaction(session, this.parts, written);
      const transaction = Object.assign(lent, {
        open: (statements: readonly string[]) => session.open(statements),
        close: session.close.bind(session),
        place: lent.placeFirst.bind(lent),
      });
      return workUnlessAborted(signal, begin, work)(transaction);
    });
    this.#changes.toldOf(written);
    return result;
  }
}

/** The same tables as their owner sees them. */
function withoutTenant({ shared: _, ...options }: PostgresProcessRecorderOptions): PostgresProcessRecorderOptions {
  return options;
}

/** What a transaction has written so far. */
interface Written {
  readonly texts: unknown[];
  readonly events: StoredEvent[];
  readonly ids: NotificationId[];
}

/** A transaction of a recorder, or one within it. */
class PostgresTransaction extends SessionRecorder implements RecorderTransaction<PostgresQueryable> {
  readonly supports: RecorderSupport = TRANSACTION;
  readonly connection: PostgresQueryable;
  readonly #session: TransactionSession;
  readonly #tables: RecorderTables;
  readonly #written: Written;

  /** @param written - is added to; of what is taken back, too */
  constructor(session: TransactionSession, tables: RecorderTables, written: Written) {
    super(session, tables);
    const { connection } = session;
    this.connection = {
      query: async (...args) => {
        written.texts.push(args[0]);
        return await connection.query(...args);
      },
    };
    this.#written = written;
    this.#session = session;
    this.#tables = tables;
  }

  override async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    const ids = await super.insertEvents(events, options);
    this.#note(events, ids);
    return ids;
  }

  /** As `RecorderTransaction.place`: in the outermost one. */
  placeFirst(events: readonly StoredEvent[], after: NotificationId): readonly NotificationId[] | undefined {
    const { events: table, announce } = this.#tables;
    table.validate(events);
    if (!this.#session.open(table.insertAtSql(events, after), announce)) return undefined;
    const ids = events.map((_, index) => after + index + 1);
    this.#note(events, ids);
    return ids;
  }

  #note(events: readonly StoredEvent[], ids: readonly NotificationId[]): void {
    for (const event of events) this.#written.events.push(event);
    for (const id of ids) this.#written.ids.push(id);
  }

  async transaction<T>(
    work: (transaction: RecorderTransaction<PostgresQueryable>) => Promise<T>,
    { signal }: CallOptions = {},
  ): Promise<T> {
    return await heeding(signal, (begin) =>
      this.#session.transaction((session) => {
        const inner = new PostgresTransaction(session, this.#tables, this.#written);
        return workUnlessAborted(signal, begin, work)(inner);
      }),
    );
  }
}
