/**
 * Makes a {@link SqlRecorder} of a recorder whose transactions lend a connection of another kind.
 *
 * @module
 */
import type { RecorderTransaction, TransactionalRecorder } from '../recorder-transaction.js';
import type { InsertEventsOptions, SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { SqlQueryable, SqlResult } from './sql-queryable.js';
import type { SqlDialect, SqlRecorder } from './sql-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';

/** What is adapted, and how. */
export interface SqlAdaptation<Connection> {
  readonly recorder: TransactionalRecorder<Connection>;
  readonly dialect: SqlDialect;
  /** Reads outside of transactions. */
  readonly queryable: SqlQueryable;
  /** SQL on the connection of a transaction. */
  toQueryable(connection: Connection): SqlQueryable;
}

/** Passes everything on, and the connections of transactions as {@link SqlQueryable}. */
class AdaptedRecorder<Connection> implements TransactionalRecorder<SqlQueryable> {
  readonly #recorder: TransactionalRecorder<Connection>;
  readonly #toQueryable: (connection: Connection) => SqlQueryable;

  constructor(recorder: TransactionalRecorder<Connection>, toQueryable: (connection: Connection) => SqlQueryable) {
    this.#recorder = recorder;
    this.#toQueryable = toQueryable;
  }

  insertEvents(events: readonly StoredEvent[], options?: InsertEventsOptions): Promise<readonly NotificationId[]> {
    return this.#recorder.insertEvents(events, options);
  }

  selectEvents(originatorId: OriginatorId, options?: SelectEventsOptions): Promise<readonly StoredEvent[]> {
    return this.#recorder.selectEvents(originatorId, options);
  }

  selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return this.#recorder.selectNotifications(options);
  }

  maxNotificationId(): Promise<NotificationId> {
    return this.#recorder.maxNotificationId();
  }

  maxTrackingId(applicationName: string): Promise<NotificationId> {
    return this.#recorder.maxTrackingId(applicationName);
  }

  hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    return this.#recorder.hasTrackingId(applicationName, notificationId);
  }

  transaction<T>(work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>): Promise<T> {
    const toQueryable = this.#toQueryable;
    return this.#recorder.transaction((transaction) => work(new AdaptedTransaction(transaction, toQueryable)));
  }
}

class AdaptedTransaction<Connection> extends AdaptedRecorder<Connection> implements RecorderTransaction<SqlQueryable> {
  readonly connection: SqlQueryable;

  constructor(transaction: RecorderTransaction<Connection>, toQueryable: (connection: Connection) => SqlQueryable) {
    super(transaction, toQueryable);
    this.connection = toQueryable(transaction.connection);
  }
}

/** A {@link SqlRecorder} over a recorder of an engine. Made by the engine's own function. */
export class AdaptedSqlRecorder<Connection> extends AdaptedRecorder<Connection> implements SqlRecorder {
  readonly dialect: SqlDialect;
  readonly #queryable: SqlQueryable;

  constructor(adaptation: SqlAdaptation<Connection>) {
    super(adaptation.recorder, (connection) => adaptation.toQueryable(connection));
    this.dialect = adaptation.dialect;
    this.#queryable = adaptation.queryable;
  }

  query(text: string, values?: unknown[]): Promise<SqlResult> {
    return this.#queryable.query(text, values);
  }
}
