/**
 * The aggregate recorder on PostgreSQL: for snapshots, and for events that nobody follows.
 *
 * @module
 */
import type { AggregateRecorder, SelectEventsOptions } from '../recorder.js';
import type { OriginatorId, StoredEvent } from '../stored-event.js';
import { createTables } from './postgres-create.js';
import type { PostgresPool } from './postgres-driver.js';
import { PostgresEventsTable } from './postgres-events-table.js';
import { postgresAggregateTable } from './postgres-schema.js';
import type { PostgresAggregateTable, PostgresAggregateTableOptions } from './postgres-schema.js';
import { PoolSession } from './postgres-session.js';

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

  /**
   * Creates the table if it is missing. Safe to call again, also by several at once.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the schema does not exist or may not be written
   */
  async createTable(): Promise<void> {
    await createTables(this.#pool, [this.#table.createSql]);
  }

  /**
   * As in `AggregateRecorder`. There are no notification ids.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when PostgreSQL fails; with `details.outcome: 'unknown'` the
   *   events may be stored nevertheless
   */
  async insertEvents(events: readonly StoredEvent[]): Promise<undefined> {
    this.#events.validate(events);
    if (events.length === 0) return;
    await this.#session.write(this.#events.insertSql(events)).catch((error: unknown) => {
      throw this.#events.toConflict(error, events) ?? error;
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    return await this.#events.select(this.#session, originatorId, options);
  }
}
