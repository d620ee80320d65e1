import type { CallOptions } from '../persistence/heed-signal.js';
import type { PastEvents } from '../persistence/past.js';
import type {
  EditionRecorder,
  InsertEventsOptions,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../persistence/recorder.js';
import type { EndListener, RecorderTransaction, TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { SqlQueryable, SqlResult } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';
import { followsTransactions } from '../persistence/transaction-ends.js';

/** How an {@link AmbientRecorder} finds what is the right one at a moment. */
export interface Ambience<Connection, Recorder extends TransactionalRecorder<Connection>> {
  /** Outside of any transaction. */
  readonly base: Recorder;
  /** The transaction that a call belongs to, if it belongs to one. */
  readonly current: () => RecorderTransaction<Connection> | undefined;
  readonly begin: TransactionalRecorder<Connection>['transaction'];
}

/** Hands every call to whichever recorder is the right one at that moment. */
export class AmbientRecorder<
  Connection,
  Recorder extends TransactionalRecorder<Connection> = TransactionalRecorder<Connection>,
> implements TransactionalRecorder<Connection> {
  readonly supports: RecorderSupport;
  protected readonly ambience: Ambience<Connection, Recorder>;

  constructor(ambience: Ambience<Connection, Recorder>) {
    // Who follows the log follows the recorder itself: within a transaction it would wait for the end of it.
    this.supports = { ...ambience.base.supports, sql: false, subscriptions: false, units: false };
    this.ambience = ambience;
    followsTransactions(this, ambience.current);
  }

  get onEnded(): ((listener: EndListener) => void) | undefined {
    return this.ambience.current()?.onEnded;
  }

  async insertEvents(
    events: readonly StoredEvent[],
    options?: InsertEventsOptions,
  ): Promise<readonly NotificationId[]> {
    return await this.#now().insertEvents(events, options);
  }

  async selectEvents(originatorId: OriginatorId, options?: SelectEventsOptions): Promise<readonly StoredEvent[]> {
    return await this.#now().selectEvents(originatorId, options);
  }

  /** As in `EditionRecorder`, where the recorder is one. */
  async selectPast(originatorId: OriginatorId, options?: SelectEventsOptions): Promise<PastEvents> {
    return await (this.#now() as TransactionalRecorder<Connection> & EditionRecorder).selectPast(originatorId, options);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await this.#now().selectNotifications(options);
  }

  async maxNotificationId(options?: CallOptions): Promise<NotificationId> {
    return await this.#now().maxNotificationId(options);
  }

  async maxTrackingId(applicationName: string, options?: CallOptions): Promise<NotificationId> {
    return await this.#now().maxTrackingId(applicationName, options);
  }

  async hasTrackingId(
    applicationName: string,
    notificationId: NotificationId,
    options?: CallOptions,
  ): Promise<boolean> {
    return await this.#now().hasTrackingId(applicationName, notificationId, options);
  }

  async transaction<T>(
    work: (transaction: RecorderTransaction<Connection>) => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    return await this.ambience.begin(work, options);
  }

  #now(): TransactionalRecorder<Connection> {
    return this.ambience.current() ?? this.ambience.base;
  }
}

/** The same with SQL: so that tables beside the events, of snapshots for example, join the transaction too. */
export class AmbientSqlRecorder extends AmbientRecorder<SqlQueryable, SqlRecorder> implements SqlRecorder {
  override readonly supports: RecorderSupport;
  readonly dialect: SqlDialect;

  constructor(ambience: Ambience<SqlQueryable, SqlRecorder>) {
    super(ambience);
    this.supports = { ...ambience.base.supports, subscriptions: false };
    this.dialect = ambience.base.dialect;
  }

  async query(text: string, values?: unknown[]): Promise<SqlResult> {
    const { base, current } = this.ambience;
    return await (current()?.connection ?? base).query(text, values);
  }
}
