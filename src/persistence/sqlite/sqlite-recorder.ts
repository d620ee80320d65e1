/**
 * The recorders on a SQLite database. As durable as that database is: with sql.js, not beyond the process.
 *
 * Several connections may write one file, from one process or many: a commit checks and inserts inside one
 * `BEGIN IMMEDIATE`, the unique index decides, and who finds the database locked waits without blocking the thread.
 *
 * @module
 */
import type { CallOptions } from '../heed-signal.js';
import type { RecorderSupport, SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import { validateWriter } from '../recorder-transaction.js';
import type { EndListener, RecorderTransaction, TransactionOptions } from '../recorder-transaction.js';
import {
  SerialAggregateRecorder,
  SerialApplicationRecorder,
  SerialProcessRecorder,
} from '../serial/serial-recorder.js';
import type { SerialConnection } from '../serial/serial-recorder.js';
import { EVENT_TABLES_TURN } from '../sql/sql-names.js';
import type { Creation, Creations } from '../sql/sql-names.js';
import { SQLITE_DIALECT } from '../sql/sql-dialect.js';
import type { SqlDialect } from '../sql/sql-dialect.js';
import type { SqlResult } from '../sql/sql-queryable.js';
import type { SqlRecorder } from '../sql/sql-recorder.js';
import { endOf, withEnds } from '../transaction-ends.js';
import type { ChangeListener, ChangeSource } from '../store-changes.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import { changesOfDatabase } from './sqlite-changes.js';
import type { SqliteChanges } from './sqlite-changes.js';
import type { ArchivableRecorder, ArchivedAggregate } from '../archive.js';
import { sqliteArchive, SqliteArchived } from './sqlite-archive.js';
import { connectionOf } from './sqlite-connection.js';
import type { SqliteConnection } from './sqlite-connection.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { refuseForeignTable } from './foreign-tables.js';
import { runQuery } from './sqlite-query.js';
import { SqliteEventsTable } from './sqlite-events-table.js';
import { SqliteReaders } from './sqlite-readers.js';
import { SqliteReplica } from './sqlite-replica.js';
import type { SqliteTableOptions } from './sqlite-replica.js';
import { createEventsSql, createSequencesSql, createTrackingSql, quoted } from './sqlite-schema.js';
import { SqliteAggregateTable } from './sqlite-aggregate-table.js';
import { validateText, ORIGINATOR_ID_LENGTH_MAX } from '../validation.js';

/** What may be asked of a connection that only reads; what writes all the same, it refuses. */
const READS = /^\s*(?:SELECT|VALUES|WITH)\b/i;

const SNAPSHOTS_TABLE = 'stored_snapshots';
const EVENTS_TABLE = 'stored_events';
const TRACKING_TABLE = 'tracking';

/** Options of {@link SqliteAggregateRecorder}. */
export interface SqliteAggregateRecorderOptions {
  /** Of its events. @defaultValue `stored_snapshots` */
  readonly table?: string;
}

/**
 * An aggregate recorder over any {@link SqliteDatabase}: for snapshots, and for events that need no total order.
 *
 * Made on the connection of a transaction, it takes part in the transaction.
 */
export class SqliteAggregateRecorder extends SerialAggregateRecorder {
  readonly #database: SqliteDatabase;
  readonly #table: string;
  readonly #connection: SerialConnection<SqliteConnection>;
  readonly #sequences: SqliteAggregateTable;

  /**
   * @param database - lent, not owned: the caller closes it
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name
   */
  constructor(database: SqliteDatabase, options: SqliteAggregateRecorderOptions = {}) {
    const connection = connectionOf(database);
    const { table = SNAPSHOTS_TABLE } = options;
    const sequences = new SqliteAggregateTable(database, table);
    super(connection.session, sequences);
    this.#database = database;
    this.#table = table;
    this.#connection = connection;
    this.#sequences = sequences;
  }

  /** What the table is made of, for a `Migrator` and for who prints it. */
  get tables(): Creations {
    return sqliteTables({ name: this.#table, sql: createSequencesSql(this.#table) });
  }

  /**
   * Creates the table if it is missing. Safe to call again, and while others write: then nothing is locked.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be written
   * @throws NotSupportedError (`NOT_SUPPORTED`) when there is a table of this name that is not Daybook's
   */
  async createTable(): Promise<void> {
    if (await this.#connection.session.run(() => this.checkTable())) return;
    await this.#connection.session.write(() => this.#sequences.createTable());
  }

  /**
   * Looks whether the tables that are there are Daybook's.
   *
   * @returns whether all of them are there
   * @throws NotSupportedError (`NOT_SUPPORTED`) when they are not
   */
  checkTable(): boolean {
    return refuseForeignTable(this.#database, 'sequences', this.#table);
  }
}

/** An application recorder over any {@link SqliteDatabase}. */
export class SqliteApplicationRecorder extends SerialApplicationRecorder {
  readonly supports: RecorderSupport = { notifications: true };
  readonly #database: SqliteDatabase;
  readonly #table: string;
  readonly #connection: SerialConnection<SqliteConnection>;
  readonly #events: SqliteEventsTable;

  /**
   * @param database - lent, not owned: the caller closes it
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name
   */
  constructor(database: SqliteDatabase, options: Pick<SqliteTableOptions, 'eventsTable'> = {}) {
    const connection = connectionOf(database);
    const { eventsTable = EVENTS_TABLE } = options;
    const events = new SqliteEventsTable(database, eventsTable);
    super(connection.session, events);
    this.#database = database;
    this.#table = eventsTable;
    this.#connection = connection;
    this.#events = events;
  }

  /** What the table is made of, for a `Migrator` and for who prints it. */
  get tables(): Creations {
    return sqliteTables({ name: this.#table, sql: createEventsSql(this.#table) });
  }

  /**
   * Creates the table if it is missing. Safe to call again, and while others write: then nothing is locked.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be written
   * @throws NotSupportedError (`NOT_SUPPORTED`) when there is a table of this name that is not Daybook's
   */
  async createTable(): Promise<void> {
    if (await this.#connection.session.run(() => this.checkTable())) return;
    await this.#connection.session.write(() => this.#events.createTable());
  }

  /**
   * Looks whether the tables that are there are Daybook's.
   *
   * @returns whether all of them are there
   * @throws NotSupportedError (`NOT_SUPPORTED`) when they are not
   */
  checkTable(): boolean {
    return refuseForeignTable(this.#database, 'events', this.#table);
  }
}

/**
 * A process recorder over any {@link SqliteDatabase}, with transactions for the caller's own SQL.
 *
 * @example
 * ```ts
 * const database = await openSqlJs();
 * const recorder = new SqliteProcessRecorder(database);
 * await recorder.createTable();
 * ```
 */
export class SqliteProcessRecorder
  extends SerialProcessRecorder<SqliteConnection>
  implements SqlRecorder, ChangeSource, ArchivableRecorder
{
  readonly dialect: SqlDialect;
  readonly #database: SqliteDatabase;
  readonly #connection: SerialConnection<SqliteConnection>;
  readonly #replica: NotedReplica;
  readonly #changes: SqliteChanges;
  readonly #tables: SqliteTableOptions;
  readonly #readers: SqliteReaders | undefined;
  readonly #besides = new WeakMap<SqliteDatabase, SqliteProcessRecorder>();

  /**
   * @param database - lent, not owned: the caller closes it
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name
   */
  constructor(database: SqliteDatabase, options: SqliteTableOptions = {}) {
    const connection = connectionOf(database);
    const changes = changesOfDatabase(database);
    const replica = new NotedReplica(database, options, changes);
    super(connection, replica);
    const name = options.eventsTable ?? EVENTS_TABLE;
    const eventsTable = quoted(name);
    const nextPositionSql = nextPosition(name);
    const archive = sqliteArchive(name);
    const { dialect, parametersMax } = database;
    this.dialect = { ...SQLITE_DIALECT, ...dialect, parametersMax, eventsTable, nextPositionSql, archive };
    this.#database = database;
    this.#connection = connection;
    this.#replica = replica;
    this.#changes = changes;
    this.#tables = options;
    this.#readers = SqliteReaders.of(database);
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. */
  get tables(): Creations {
    const { eventsTable = EVENTS_TABLE, trackingTable = TRACKING_TABLE } = this.#tables;
    return sqliteTables(
      { name: eventsTable, sql: createEventsSql(eventsTable) },
      { name: trackingTable, sql: createTrackingSql(trackingTable) },
    );
  }

  /**
   * Creates the tables that are missing. Safe to call again, and while others write: where all are there, nothing is locked.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be written
   * @throws NotSupportedError (`NOT_SUPPORTED`) when there is a table of this name that is not Daybook's
   */
  async createTable(): Promise<void> {
    if (await this.#connection.session.run(() => this.checkTable())) return;
    await this.#connection.session.write(() => this.#replica.createTables());
  }

  /**
   * Looks whether the tables that are there are Daybook's.
   *
   * @returns whether all of them are there
   * @throws NotSupportedError (`NOT_SUPPORTED`) when they are not
   */
  checkTable(): boolean {
    const hasEvents = refuseForeignTable(this.#database, 'events', this.#tables.eventsTable ?? EVENTS_TABLE);
    const hasTracking = refuseForeignTable(this.#database, 'tracking', this.#tables.trackingTable ?? TRACKING_TABLE);
    return hasEvents && hasTracking;
  }

  /** Of one that was made on the connection of a transaction: the transaction's. */
  get onEnded(): ((listener: EndListener) => void) | undefined {
    return endOf(this.#database);
  }

  /** @throws OperationalError (`OPERATIONAL_ERROR`) when something is written in a transaction that was asked for without `writer` */
  override async transaction<T>(
    work: (transaction: RecorderTransaction<SqliteConnection>) => Promise<T>,
    options: TransactionOptions = {},
  ): Promise<T> {
    validateWriter(options);
    if (options.writer === false) return await this.#reading(work, options);
    const transaction = async (): Promise<T> =>
      await withEnds(this, (heard) => super.transaction(heard, options), work);
    return await (this.#readers === undefined ? transaction() : this.#readers.besides(transaction));
  }

  async #reading<T>(
    work: (transaction: RecorderTransaction<SqliteConnection>) => Promise<T>,
    { signal }: CallOptions,
  ): Promise<T> {
    if (this.#readers !== undefined) {
      return await this.#readers.lend(async (reader) => await this.#on(reader).transaction(work, { signal }), {
        signal,
      });
    }
    return await super.transaction(
      async (transaction) => {
        const { connection } = transaction;
        connection.exec('PRAGMA query_only = ON');
        try {
          return await work(transaction);
        } finally {
          connection.exec('PRAGMA query_only = OFF');
        }
      },
      { signal },
    );
  }

  /** Reads while a transaction of this database is open: what was committed, without waiting for its end. */
  async #beside<T>(read: (recorder: SqliteProcessRecorder) => Promise<T>, inTurn: () => Promise<T>): Promise<T> {
    const beside = await this.#readers?.readBeside(async (reader) => await read(this.#on(reader)));
    return beside === undefined ? await inTurn() : beside.result;
  }

  /** The same tables on another connection. */
  #on(reader: SqliteDatabase): SqliteProcessRecorder {
    let known = this.#besides.get(reader);
    if (known === undefined) {
      known = new SqliteProcessRecorder(reader, this.#tables);
      this.#besides.set(reader, known);
    }
    return known;
  }

  override async selectEvents(
    originatorId: OriginatorId,
    options?: SelectEventsOptions,
  ): Promise<readonly StoredEvent[]> {
    return await this.#beside(
      (recorder) => recorder.selectEvents(originatorId, options),
      () => super.selectEvents(originatorId, options),
    );
  }

  override async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await this.#beside(
      (recorder) => recorder.selectNotifications(options),
      () => super.selectNotifications(options),
    );
  }

  override async maxNotificationId(options?: CallOptions): Promise<NotificationId> {
    return await this.#beside(
      (recorder) => recorder.maxNotificationId(options),
      () => super.maxNotificationId(options),
    );
  }

  override async maxTrackingId(applicationName: string, options?: CallOptions): Promise<NotificationId> {
    return await this.#beside(
      (recorder) => recorder.maxTrackingId(applicationName, options),
      () => super.maxTrackingId(applicationName, options),
    );
  }

  /**
   * Runs a statement outside of any transaction, in its turn: in the middle of a transaction of this connection it would
   * see what is not committed. What only reads does not wait for the end of one where there are connections beside it.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when values and parameters do not fit
   * @throws DatabaseError (`DATABASE_ERROR`) and its subclasses when SQLite does not take it
   */
  async query(text: string, values: unknown[] = []): Promise<SqlResult> {
    if (!READS.test(text)) return await this.#queryInTurn(text, values);
    return await this.#beside(
      // What it cannot read, a temporary table of the writer's connection for example, that one can, or says why not.
      async (recorder) => await recorder.query(text, values).catch(() => this.#queryInTurn(text, values)),
      () => this.#queryInTurn(text, values),
    );
  }

  async #queryInTurn(text: string, values: unknown[]): Promise<SqlResult> {
    return await this.#connection.session.run(() => {
      this.#changes.noteStatement(text);
      try {
        const result = runQuery(this.#database, text, values);
        this.#changes.committed();
        return result;
      } finally {
        this.#changes.rolledBack();
      }
    });
  }

  async selectArchived(originatorId: OriginatorId): Promise<ArchivedAggregate | undefined> {
    validateText('originatorId', originatorId, ORIGINATOR_ID_LENGTH_MAX);
    return await this.#connection.session.run(() => this.#replica.archived.aggregate(originatorId));
  }

  /** @internal */
  async selectRemaining(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await this.#connection.session.run(() => this.#replica.selectRemaining(options));
  }

  /**
   * Tells what was written through this connection to the database. What other connections and processes write into the same file
   * SQLite tells to nobody.
   */
  onChanged(listener: ChangeListener, onEnd?: (error: Error) => void): () => void {
    return this.#changes.onChanged(listener, onEnd);
  }
}

/** What was given once is not given again: it only moves forward. */
function nextPosition(table: string): readonly string[] {
  const name = `'${table.replaceAll("'", "''")}'`;
  return [
    `INSERT INTO sqlite_sequence (name, seq) SELECT ${name}, $1 - 1
      WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ${name})`,
    `UPDATE sqlite_sequence SET seq = max(seq, $1 - 1) WHERE name = ${name}`,
  ];
}

function sqliteTables(...creations: readonly Creation[]): Creations {
  return { schema: undefined, lock: EVENT_TABLES_TURN, creations };
}

/** Says whose events are inserted. */
class NotedReplica extends SqliteReplica {
  readonly #changes: SqliteChanges;
  readonly #tables: readonly string[];
  readonly #trackingTables: readonly string[];
  readonly archived: SqliteArchived;

  constructor(database: SqliteDatabase, options: SqliteTableOptions, changes: SqliteChanges) {
    super(database, options);
    this.archived = new SqliteArchived(database, sqliteArchive(options.eventsTable ?? EVENTS_TABLE));
    this.#changes = changes;
    this.#tables = [options.eventsTable ?? EVENTS_TABLE];
    this.#trackingTables = [options.trackingTable ?? TRACKING_TABLE];
  }

  override insertEvents(events: readonly StoredEvent[]): NotificationId[] {
    if (events.length > 0) {
      this.database.beforeEvents?.(events);
      this.#changes.note({ tables: this.#tables, aggregates: events.map(({ originatorId }) => originatorId) });
    }
    return super.insertEvents(events);
  }

  override insertTracking(tracking: Tracking): void {
    this.#changes.note({ tables: this.#trackingTables, aggregates: [] });
    super.insertTracking(tracking);
  }

  override selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    const events = super.selectEvents(originatorId, options);
    this.archived.assertAllOf(originatorId, options, events);
    return events;
  }

  override selectNotifications(options: SelectNotificationsOptions): Notification[] {
    const notifications = super.selectNotifications(options);
    this.archived.assertAllAfter(options, notifications);
    return notifications;
  }

  selectRemaining(options: SelectNotificationsOptions): Notification[] {
    return super.selectNotifications(options);
  }
}
