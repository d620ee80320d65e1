import type { RecorderTransaction, TransactionalRecorder } from '../../src/persistence/recorder-transaction.js';
import type {
  InsertEventsOptions,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../../src/persistence/recorder.js';
import type { SqlDialect } from '../../src/persistence/sql/sql-dialect.js';
import type { SqlQueryable, SqlResult } from '../../src/persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../../src/persistence/stored-event.js';

type Decorate = (queryable: SqlQueryable) => SqlQueryable;

class Decorated implements TransactionalRecorder<SqlQueryable> {
  readonly supports: RecorderSupport | undefined;
  readonly #recorder: TransactionalRecorder<SqlQueryable>;
  readonly #decorate: Decorate;

  constructor(recorder: TransactionalRecorder<SqlQueryable>, decorate: Decorate) {
    this.supports = recorder.supports;
    this.#recorder = recorder;
    this.#decorate = decorate;
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
    return this.#recorder.transaction((transaction) => work(new DecoratedTransaction(transaction, this.#decorate)));
  }
}

class DecoratedTransaction extends Decorated implements RecorderTransaction<SqlQueryable> {
  readonly connection: SqlQueryable;

  constructor(transaction: RecorderTransaction<SqlQueryable>, decorate: Decorate) {
    super(transaction, decorate);
    this.connection = decorate(transaction.connection);
  }
}

/** A recorder whose SQL goes another way, inside of transactions and outside; it cannot be subscribed to. */
export class DecoratedSqlRecorder extends Decorated implements SqlRecorder {
  override readonly supports: RecorderSupport;
  readonly dialect: SqlDialect;
  readonly #queryable: SqlQueryable;

  constructor(recorder: SqlRecorder, decorate: Decorate) {
    super(recorder, decorate);
    this.supports = { ...recorder.supports, subscriptions: false };
    this.dialect = recorder.dialect;
    this.#queryable = decorate(recorder);
  }

  query(text: string, values?: unknown[]): Promise<SqlResult> {
    return this.#queryable.query(text, values);
  }
}
