/**
 * The process recorder on PostgreSQL, and its transactions.
 *
 * @module
 */
import type { RecorderTransaction, TransactionalRecorder } from '../recorder-transaction.js';
import type { InsertEventsOptions } from '../recorder.js';
import type { NotificationId, StoredEvent } from '../stored-event.js';
import { PostgresApplicationRecorder } from './postgres-application-recorder.js';
import { createTables } from './postgres-create.js';
import type { PostgresQueryable } from './postgres-driver.js';
import { idleTimeoutMsOf } from './postgres-recorder-options.js';
import type { PostgresProcessRecorderOptions } from './postgres-recorder-options.js';
import { SessionRecorder } from './postgres-session-recorder.js';
import type { RecorderTables } from './postgres-session-recorder.js';
import { inTransaction } from './postgres-transaction.js';
import type { TransactionSession } from './postgres-transaction.js';

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
  implements TransactionalRecorder<PostgresQueryable>
{
  readonly #idleTimeoutMs: number;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is longer than PostgreSQL allows, or a timeout is none */
  constructor(options: PostgresProcessRecorderOptions) {
    super(options);
    this.#idleTimeoutMs = idleTimeoutMsOf(options);
  }

  override async createTable(): Promise<void> {
    await createTables(this.pool, [this.names.createEventsSql, this.names.createTrackingSql]);
  }

  /**
   * As in `ProcessRecorder`.
   *
   * Repeated by itself only when nothing was carried out, because the connection had ended before.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when PostgreSQL fails; with `details.outcome: 'unknown'` the
   *   events may be stored nevertheless
   */
  override async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    return await this.recorder.insertEvents(events, options);
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    return await this.recorder.maxTrackingId(applicationName);
  }

  async hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    return await this.recorder.hasTrackingId(applicationName, notificationId);
  }

  /**
   * As in `TransactionalRecorder`. Each transaction has a connection of its own; the first events that it records lock
   * the table, so other writers wait until it has ended.
   *
   * A statement of the caller's that fails spoils the transaction, as always in PostgreSQL, unless it ran in an inner
   * transaction that was rolled back.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` when the connection breaks during
   *   the commit
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a statement failed and the work went on as if it had not
   */
  async transaction<T>(work: (transaction: RecorderTransaction<PostgresQueryable>) => Promise<T>): Promise<T> {
    const outcome = { hasRecorded: false };
    const result = await inTransaction(this.pool, { idleTimeoutMs: this.#idleTimeoutMs }, (session) =>
      work(new PostgresTransaction(session, this.tables, () => (outcome.hasRecorded = true))),
    );
    if (outcome.hasRecorded) this.announcer.announce();
    return result;
  }
}

/** A transaction of a recorder, or one within it. */
class PostgresTransaction extends SessionRecorder implements RecorderTransaction<PostgresQueryable> {
  readonly connection: PostgresQueryable;
  readonly #session: TransactionSession;
  readonly #tables: RecorderTables;
  readonly #onRecorded: () => void;

  constructor(session: TransactionSession, tables: RecorderTables, onRecorded: () => void) {
    super(session, tables, onRecorded);
    this.connection = session.connection;
    this.#session = session;
    this.#tables = tables;
    this.#onRecorded = onRecorded;
  }

  async transaction<T>(work: (transaction: RecorderTransaction<PostgresQueryable>) => Promise<T>): Promise<T> {
    // An inner transaction that is rolled back may announce for nothing, which is harmless.
    return await this.#session.transaction((session) =>
      work(new PostgresTransaction(session, this.#tables, this.#onRecorded)),
    );
  }
}
