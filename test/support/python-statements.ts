/**
 * What the recorders of the Python library `eventsourcing` 9.3 say to PostgreSQL, statement by statement, with `$1` for
 * `%s`. None of Daybook's own code is between a test and the tables.
 *
 * @module
 */
import type { PostgresClient, PostgresPool, PostgresRow } from '../../src/persistence/postgres/index.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';

/** As `select_events` takes. */
export interface PythonSelection {
  readonly gt?: number;
  readonly lte?: number;
  readonly desc?: boolean;
  readonly limit?: number;
}

/** As `select_notifications` takes. */
export interface PythonSection {
  readonly start: number;
  readonly limit: number;
  readonly stop?: number;
  readonly topics?: readonly string[];
}

/** A `Notification` of the Python library. */
export interface PythonNotification extends StoredEvent {
  readonly id: number;
}

/** A `PostgresProcessRecorder` of the Python library, by its statements. */
export class PythonRecorder {
  readonly #pool: PostgresPool;
  readonly #events: string;
  readonly #tracking: string;

  /** @param name - of the application, in small letters */
  constructor(pool: PostgresPool, name: string) {
    this.#pool = pool;
    this.#events = `${name}_events`;
    this.#tracking = `${name}_tracking`;
  }

  async selectEvents(originatorId: string, { gt, lte, desc, limit }: PythonSelection = {}): Promise<StoredEvent[]> {
    const params: unknown[] = [originatorId];
    let statement = `SELECT * FROM ${this.#events} WHERE originator_id = $1`;
    if (gt !== undefined) statement += ` AND originator_version > $${params.push(gt)}`;
    if (lte !== undefined) statement += ` AND originator_version <= $${params.push(lte)}`;
    statement += ` ORDER BY originator_version ${desc === true ? 'DESC' : 'ASC'}`;
    if (limit !== undefined) statement += ` LIMIT $${params.push(limit)}`;
    const { rows } = await this.#pool.query(statement, params);
    return rows.map(eventOf);
  }

  async selectNotifications({ start, limit, stop, topics = [] }: PythonSection): Promise<PythonNotification[]> {
    const params: unknown[] = [start];
    let statement = `SELECT * FROM ${this.#events} WHERE notification_id>=$1`;
    if (stop !== undefined) statement += ` AND notification_id <= $${params.push(stop)}`;
    if (topics.length > 0) statement += ` AND topic = ANY($${params.push(topics)})`;
    statement += ` ORDER BY notification_id LIMIT $${params.push(limit)}`;
    const { rows } = await this.#pool.query(statement, params);
    return rows.map((row) => ({ id: Number(row['notification_id']), ...eventOf(row) }));
  }

  async maxNotificationId(): Promise<number> {
    return this.#number(`SELECT MAX(notification_id) FROM ${this.#events}`, 'max');
  }

  async maxTrackingId(application: string): Promise<number> {
    const text = `SELECT MAX(notification_id) FROM ${this.#tracking} WHERE application_name=$1`;
    return this.#number(text, 'max', [application]);
  }

  async hasTrackingId(application: string, id: number): Promise<boolean> {
    const text = `SELECT COUNT(*) FROM ${this.#tracking} WHERE application_name=$1 AND notification_id=$2`;
    return (await this.#number(text, 'count', [application, id])) > 0;
  }

  /** As `insert_events` does, in a transaction of its own. @returns the ids */
  async insertEvents(
    events: readonly StoredEvent[],
    tracking?: { readonly application: string; readonly id: number },
  ): Promise<number[]> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      if (tracking !== undefined) {
        await client.query(`INSERT INTO ${this.#tracking} VALUES ($1, $2)`, [tracking.application, tracking.id]);
      }
      const ids = events.length > 0 ? await this.insertUnderLock(client, events) : [];
      await client.query('COMMIT');
      return ids;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }

  /** The statements between `BEGIN` and `COMMIT`. @returns the ids */
  async insertUnderLock(client: PostgresClient, events: readonly StoredEvent[]): Promise<number[]> {
    await client.query("SET LOCAL lock_timeout = '0s'");
    await client.query(`LOCK TABLE ${this.#events} IN EXCLUSIVE MODE`);
    const ids: number[] = [];
    for (const { originatorId, originatorVersion, topic, state } of events) {
      const values = [originatorId, originatorVersion, topic, Buffer.from(state)];
      const text = `INSERT INTO ${this.#events} VALUES ($1, $2, $3, $4) RETURNING notification_id`;
      ids.push(Number((await client.query(text, values)).rows[0]?.['notification_id']));
    }
    return ids;
  }

  async #number(text: string, column: string, params: unknown[] = []): Promise<number> {
    return Number((await this.#pool.query(text, params)).rows[0]?.[column] ?? 0);
  }
}

function eventOf(row: PostgresRow): StoredEvent {
  return {
    originatorId: String(row['originator_id']),
    originatorVersion: Number(row['originator_version']),
    topic: String(row['topic']),
    state: new Uint8Array(row['state'] as Buffer),
  };
}
