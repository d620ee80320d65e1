/**
 * The process recorder on PostgreSQL.
 *
 * Writers take turns: each locks the events table until it has committed. `bigserial` alone would let a lower id
 * become visible after a higher one, and a reader that has passed it would never see it. The lock is the Python
 * library's, so its writers and ours take turns with one another; an advisory lock would not stop them.
 *
 * @module
 */
import { InternalError } from '../errors.js';
import type { IntegrityError } from '../errors.js';
import type {
  InsertEventsOptions,
  ProcessRecorder,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import { eventTaken, trackingTaken } from '../replica.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import {
  validateApplicationName,
  validateEvents,
  validateSelectEvents,
  validateSelectNotifications,
  validateTracking,
} from '../validation.js';
import { PostgresAnnouncer } from './postgres-announcer.js';
import type { PostgresPool, PostgresQueryable } from './postgres-driver.js';
import { postgresError, sqlStateOf } from './postgres-errors.js';
import { toNotification, toSafeInteger, toStoredEvent } from './postgres-rows.js';
import { postgresTables } from './postgres-schema.js';
import type { PostgresTableOptions, PostgresTables } from './postgres-schema.js';
import { inTransaction, readOnce } from './postgres-transaction.js';

// Waiting longer for the writers before us helps nobody: the caller gives up, or tries again.
const LOCK_TIMEOUT_MS = 10_000;
// A writer that stops in the middle (a paused or vanished machine) must not keep the table for itself.
const IDLE_IN_TRANSACTION_MS = 5_000;
const UNIQUE_VIOLATION = '23505';
// The detail names the key in every language of the server: `(originator_id, originator_version)=(<uuid>, <version>)`.
const TAKEN_KEY = /\(([0-9a-f-]{36}), (\d+)\)/;

/** Options of {@link PostgresProcessRecorder}. */
export interface PostgresRecorderOptions extends PostgresTableOptions {
  /** Lent, not owned: the caller closes it. A `pg.Pool` fits; {@link createPgPool} makes a configured one. */
  readonly pool: PostgresPool;
  /** Milliseconds that a writer waits for the writers before it. @defaultValue 10,000 */
  readonly lockTimeoutMs?: number;
}

/**
 * A process recorder whose events are in PostgreSQL, in the tables of the Python library.
 *
 * @example
 * ```ts
 * const pool = await createPgPool({ connectionString: process.env.DATABASE_URL });
 * const recorder = new PostgresProcessRecorder({ pool, applicationName: 'warehouse' });
 * await recorder.createTable();
 * ```
 */
export class PostgresProcessRecorder implements ProcessRecorder {
  readonly #pool: PostgresPool;
  readonly #tables: PostgresTables;
  readonly #announcer: PostgresAnnouncer;
  readonly #beginSql: string;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table's name is longer than PostgreSQL allows */
  constructor(options: PostgresRecorderOptions) {
    this.#pool = options.pool;
    this.#tables = postgresTables(options);
    this.#announcer = new PostgresAnnouncer(options.pool, this.#tables.channel);
    const lockTimeoutMs = Math.ceil(options.lockTimeoutMs ?? LOCK_TIMEOUT_MS);
    // READ COMMITTED is what makes the check behind the lock see what the writers before us committed. One round trip.
    this.#beginSql = `BEGIN ISOLATION LEVEL READ COMMITTED;
      SET LOCAL lock_timeout = ${lockTimeoutMs};
      SET LOCAL idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS};
      LOCK TABLE ${this.#tables.events} IN EXCLUSIVE MODE`;
  }

  /**
   * Creates the tables that are missing. Safe to call again, also by several at once.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the schema does not exist or may not be written
   */
  async createTable(): Promise<void> {
    await inTransaction(this.#pool, 'BEGIN', (client) => client.query(this.#tables.createSql));
  }

  /**
   * As in `ProcessRecorder`.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when PostgreSQL fails; with `details.outcome: 'unknown'` the
   *   events may be stored nevertheless
   */
  async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    validateEvents(events);
    const { tracking } = options;
    if (tracking !== undefined) validateTracking(tracking);
    if (events.length === 0 && tracking === undefined) return [];
    const ids = await inTransaction(this.#pool, this.#beginSql, async (client) => {
      if (tracking !== undefined) await this.#insertTracking(client, tracking);
      return events.length === 0 ? [] : await this.#insertRows(client, events);
    });
    if (ids.length > 0) this.#announcer.announce();
    return ids;
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options);
    const values: unknown[] = [originatorId];
    const conditions = ['originator_id = $1'];
    if (options.gt !== undefined) conditions.push(`originator_version > $${values.push(options.gt)}`);
    if (options.lte !== undefined) conditions.push(`originator_version <= $${values.push(options.lte)}`);
    const order = options.desc === true ? 'DESC' : 'ASC';
    const limit = options.limit === undefined ? '' : `LIMIT $${values.push(options.limit)}`;
    const { rows } = await readOnce(
      this.#pool,
      `SELECT originator_id, originator_version, topic, state FROM ${this.#tables.events}
       WHERE ${conditions.join(' AND ')} ORDER BY originator_version ${order} ${limit}`,
      values,
    );
    return rows.map(toStoredEvent);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    validateSelectNotifications(options);
    const values: unknown[] = [options.start, options.limit];
    const conditions = ['notification_id >= $1'];
    if (options.stop !== undefined) conditions.push(`notification_id <= $${values.push(options.stop)}`);
    if (options.topics?.length) conditions.push(`topic = ANY($${values.push([...options.topics])}::text[])`);
    const { rows } = await readOnce(
      this.#pool,
      `SELECT notification_id, originator_id, originator_version, topic, state FROM ${this.#tables.events}
       WHERE ${conditions.join(' AND ')} ORDER BY notification_id LIMIT $2`,
      values,
    );
    return rows.map(toNotification);
  }

  async maxNotificationId(): Promise<NotificationId> {
    const { rows } = await readOnce(
      this.#pool,
      `SELECT coalesce(max(notification_id), 0) AS id FROM ${this.#tables.events}`,
      [],
    );
    return toSafeInteger(rows[0] ?? {}, 'id');
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    validateApplicationName(applicationName);
    const { rows } = await readOnce(this.#pool, this.#maxTrackingSql(), [applicationName]);
    return toSafeInteger(rows[0] ?? {}, 'id');
  }

  async hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    return notificationId <= (await this.maxTrackingId(applicationName));
  }

  async #insertTracking(client: PostgresQueryable, tracking: Tracking): Promise<void> {
    const { applicationName, notificationId } = tracking;
    const { rows } = await client.query(
      `INSERT INTO ${this.#tables.tracking} (application_name, notification_id)
       SELECT $1::text, $2::bigint WHERE NOT EXISTS (
         SELECT FROM ${this.#tables.tracking} WHERE application_name = $1::text AND notification_id >= $2::bigint)
       RETURNING notification_id`,
      [applicationName, notificationId],
    );
    if (rows.length === 1) return;
    const last = await client.query(this.#maxTrackingSql(), [applicationName]);
    throw trackingTaken(tracking, toSafeInteger(last.rows[0] ?? {}, 'id'));
  }

  /** One statement for all rows, whose ids follow the order of the events. */
  async #insertRows(client: PostgresQueryable, events: readonly StoredEvent[]): Promise<NotificationId[]> {
    const columns = [
      events.map((event) => event.originatorId),
      events.map((event) => event.originatorVersion),
      events.map((event) => event.topic),
      events.map((event) => event.state),
    ];
    const { rows } = await client
      .query(
        `INSERT INTO ${this.#tables.events} (originator_id, originator_version, topic, state)
         SELECT e.originator_id, e.originator_version, e.topic, e.state
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bytea[]) WITH ORDINALITY
           AS e (originator_id, originator_version, topic, state, ordinality)
         ORDER BY e.ordinality
         RETURNING notification_id`,
        columns,
      )
      .catch((cause: unknown) => {
        throw takenEvent(cause, events) ?? postgresError(cause);
      });
    return checkedIds(
      rows.map((row) => toSafeInteger(row, 'notification_id')),
      events.length,
    );
  }

  #maxTrackingSql(): string {
    return `SELECT coalesce(max(notification_id), 0) AS id FROM ${this.#tables.tracking} WHERE application_name = $1`;
  }
}

function takenEvent(cause: unknown, events: readonly StoredEvent[]): IntegrityError | undefined {
  if (sqlStateOf(cause) !== UNIQUE_VIOLATION) return undefined;
  const [, originatorId, version] = TAKEN_KEY.exec((cause as { detail?: string }).detail ?? '') ?? [];
  const taken = events.find(
    (event) => event.originatorId === originatorId && event.originatorVersion === Number(version),
  );
  return taken === undefined ? undefined : eventTaken(taken, cause);
}

// SQL promises the order in which rows are inserted only in PostgreSQL's practice, so it is asserted before the commit.
function checkedIds(ids: NotificationId[], count: number): NotificationId[] {
  const increasing = ids.every((id, index) => index === 0 || id > (ids[index - 1] as NotificationId));
  if (ids.length === count && increasing) return ids;
  throw new InternalError(
    'PostgreSQL gave notification ids that do not follow the order of the events. Nothing was stored.',
    { details: { events: count, ids: ids.length } },
  );
}
