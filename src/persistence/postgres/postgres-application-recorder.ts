/**
 * The application recorder on PostgreSQL.
 *
 * @module
 */
import type { ApplicationRecorder, SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { PostgresAnnouncer } from './postgres-announcer.js';
import { createTables } from './postgres-create.js';
import type { PostgresPool } from './postgres-driver.js';
import { PostgresEventsTable } from './postgres-events-table.js';
import { PostgresListener } from './postgres-listener.js';
import { lockSql } from './postgres-recorder-options.js';
import type { PostgresRecorderOptions } from './postgres-recorder-options.js';
import { postgresTables } from './postgres-schema.js';
import type { PostgresTables } from './postgres-schema.js';
import { SessionRecorder } from './postgres-session-recorder.js';
import type { RecorderTables } from './postgres-session-recorder.js';
import { PoolSession } from './postgres-session.js';
import { follow } from './postgres-subscription.js';
import type { SubscribeOptions } from './postgres-subscription.js';
import { PostgresTrackingTable } from './postgres-tracking-table.js';

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
  protected readonly pool: PostgresPool;
  protected readonly names: PostgresTables;
  protected readonly tables: RecorderTables;
  protected readonly announcer: PostgresAnnouncer;
  /** Does the work, on whichever connection is free. */
  protected readonly recorder: SessionRecorder;
  readonly #listener: PostgresListener;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is longer than PostgreSQL allows, or a timeout is none */
  constructor(options: PostgresRecorderOptions) {
    const { pool } = options;
    this.pool = pool;
    this.names = postgresTables(options);
    this.tables = {
      events: new PostgresEventsTable(this.names),
      tracking: new PostgresTrackingTable(this.names),
      lockSql: lockSql(this.names.events, options.lockTimeoutMs),
    };
    this.announcer = new PostgresAnnouncer(pool, this.names.channel);
    this.recorder = new SessionRecorder(new PoolSession(pool), this.tables, () => this.announcer.announce());
    this.#listener = new PostgresListener(pool, this.names.channel);
  }

  /**
   * Creates the tables that are missing. Safe to call again, also by several at once. A schema is not created.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the schema does not exist or may not be written
   */
  async createTable(): Promise<void> {
    await createTables(this.pool, [this.names.createEventsSql]);
  }

  /**
   * As in `ApplicationRecorder`.
   *
   * Repeated by itself only when nothing was carried out, because the connection had ended before.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when PostgreSQL fails; with `details.outcome: 'unknown'` the
   *   events may be stored nevertheless
   */
  async insertEvents(events: readonly StoredEvent[]): Promise<readonly NotificationId[]> {
    return await this.recorder.insertEvents(events);
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    return await this.recorder.selectEvents(originatorId, options);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await this.recorder.selectNotifications(options);
  }

  async maxNotificationId(): Promise<NotificationId> {
    return await this.recorder.maxNotificationId();
  }

  /**
   * Follows the notifications: those that are recorded, then those that will be, each once and in order, by whichever
   * writer. The next ones are read when they are asked for. Stopping the iteration stops listening.
   *
   * While anybody iterates, one connection is kept for `LISTEN`.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be read; subscribe again after the last id
   */
  subscribe(options: SubscribeOptions = {}): AsyncGenerator<Notification, void, undefined> {
    return follow(this, this.#listener, options);
  }
}
