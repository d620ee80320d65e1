import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { validateReached, validateSubscriptionId } from '../checkpoints.js';
import type {
  CheckpointConnection,
  Checkpoints,
  ReachedPosition,
  SaveCheckpointOptions,
  SubscriptionCheckpoint,
} from '../checkpoints.js';
import { heeding, throwIfAborted } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import type { NotificationId } from '../stored-event.js';
import { createMissing } from './create-missing.js';
import { noteFollower } from './log-followers.js';
import { sqlTableName } from './sql-names.js';
import type { Creations, SqlTableName } from './sql-names.js';
import type { SqlRecorder } from './sql-recorder.js';
import { hasUnitOrder } from './unit-order.js';

type Result = Awaited<ReturnType<CheckpointConnection['query']>>;

const TABLE_DEFAULT = 'checkpoints';
const COLUMNS = 'subscription_id, position, event_id, event_type, saved_at_ms';

/** Options of {@link SqlCheckpoints}. */
export interface SqlCheckpointsOptions {
  /** What is followed, and in whose database the positions are. */
  readonly recorder: SqlRecorder;
  /** @defaultValue `checkpoints` */
  readonly table?: string;
  /** PostgreSQL only; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
  /** Says when a position was saved. @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/**
 * How far subscriptions of the caller's own are, in a table. One implementation for the browser's store, SQLite and PostgreSQL.
 *
 * @example
 * ```ts
 * const checkpoints = new SqlCheckpoints({ recorder });
 * await checkpoints.createTables();
 * const gt = await checkpoints.position('mailer');
 * for await (const event of app.subscribe({ gt, signal })) {
 *   await sendMail(event);
 *   await checkpoints.save('mailer', {
 *     position: event.notificationId,
 *     eventId: event.metadata.eventId,
 *     eventType: event.type,
 *   });
 * }
 * ```
 */
export class SqlCheckpoints implements Checkpoints {
  readonly #recorder: SqlRecorder;
  readonly #names: SqlTableName;
  readonly #clock: Pick<Clock, 'nowMs'>;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor({ recorder, table = TABLE_DEFAULT, schema, clock = systemClock }: SqlCheckpointsOptions) {
    this.#recorder = recorder;
    this.#names = sqlTableName(table, schema, recorder.dialect);
    this.#clock = clock;
  }

  /** What the table is made of, for a `Migrator` and for who prints it. */
  get tables(): Creations {
    const { name, schema, table } = this.#names;
    const sql = `CREATE TABLE IF NOT EXISTS ${table} (
        subscription_id TEXT PRIMARY KEY NOT NULL,
        position BIGINT NOT NULL,
        event_id TEXT,
        event_type TEXT,
        saved_at_ms BIGINT NOT NULL
      )`;
    return { schema, isOfLog: true, lock: `daybook checkpoints ${table}`, creations: [{ name, sql }] };
  }

  /**
   * Creates the table, where it is missing. Safe to call again.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the table is that of another log in the database
   */
  async createTables(): Promise<void> {
    await createMissing(this.#recorder, this.tables);
    if (!hasUnitOrder(this.#recorder)) return;
    // What they have not reached may not leave the store.
    const follower = this.#names.table;
    await noteFollower(this.#recorder, { kind: 'subscription', follower, counts: 'id', isTable: true });
  }

  async save(subscriptionId: string, reached: ReachedPosition, options: SaveCheckpointOptions = {}): Promise<boolean> {
    validateSubscriptionId(subscriptionId);
    validateReached(reached);
    const { position, eventId = null, eventType = null } = reached;
    const { table } = this.#names;
    const { rows } = await this.#write(
      `INSERT INTO ${table} (${COLUMNS}) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (subscription_id) DO UPDATE SET position = excluded.position, event_id = excluded.event_id,
         event_type = excluded.event_type, saved_at_ms = excluded.saved_at_ms
       WHERE ${table}.position < excluded.position RETURNING position`,
      [subscriptionId, position, eventId, eventType, this.#clock.nowMs()],
      options,
    );
    return rows.length > 0;
  }

  async find(subscriptionId: string, { signal }: CallOptions = {}): Promise<SubscriptionCheckpoint | undefined> {
    validateSubscriptionId(subscriptionId);
    const sql = `SELECT ${COLUMNS} FROM ${this.#names.table} WHERE subscription_id = $1`;
    const { rows } = await heeding(signal, () => this.#recorder.query(sql, [subscriptionId]));
    return rows.map(toCheckpoint)[0];
  }

  async position(subscriptionId: string, options?: CallOptions): Promise<NotificationId> {
    return (await this.find(subscriptionId, options))?.position ?? 0;
  }

  async lag(subscriptionId: string, options?: CallOptions): Promise<number> {
    const position = await this.position(subscriptionId, options);
    return Math.max(0, (await this.#recorder.maxNotificationId(options)) - position);
  }

  async list({ signal }: CallOptions = {}): Promise<readonly SubscriptionCheckpoint[]> {
    const sql = `SELECT ${COLUMNS} FROM ${this.#names.table} ORDER BY subscription_id`;
    const { rows } = await heeding(signal, () => this.#recorder.query(sql));
    return rows.map(toCheckpoint);
  }

  async reset(subscriptionId: string, options: SaveCheckpointOptions = {}): Promise<boolean> {
    validateSubscriptionId(subscriptionId);
    const sql = `DELETE FROM ${this.#names.table} WHERE subscription_id = $1 RETURNING position`;
    return (await this.#write(sql, [subscriptionId], options)).rows.length > 0;
  }

  async #write(sql: string, values: unknown[], { connection, signal }: SaveCheckpointOptions): Promise<Result> {
    throwIfAborted(signal);
    const write = (on: CheckpointConnection): Promise<Result> => on.query(sql, values);
    if (connection !== undefined) return await write(connection);
    return await this.#recorder.transaction((transaction) => write(transaction.connection), { signal });
  }
}

function toCheckpoint(row: Result['rows'][number]): SubscriptionCheckpoint {
  return {
    subscriptionId: row['subscription_id'] as string,
    position: Number(row['position']),
    eventId: (row['event_id'] as string | null) ?? undefined,
    eventType: (row['event_type'] as string | null) ?? undefined,
    savedAt: new Date(Number(row['saved_at_ms'])),
  };
}
