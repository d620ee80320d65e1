/**
 * The recorder on a SQLite database. As durable as that database is: with sql.js, not beyond the process.
 *
 * @module
 */
import { ReplicaRecorder } from '../replica-recorder.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteReplica } from './sqlite-replica.js';

/**
 * A process recorder over any {@link SqliteDatabase}.
 *
 * @example
 * ```ts
 * const database = await openSqlJs();
 * const recorder = new SqliteProcessRecorder(database);
 * recorder.createTable();
 * ```
 */
export class SqliteProcessRecorder extends ReplicaRecorder {
  readonly #replica: SqliteReplica;

  /** @param database - lent, not owned: the caller closes it */
  constructor(database: SqliteDatabase) {
    const replica = new SqliteReplica(database);
    super(replica);
    this.#replica = replica;
  }

  /**
   * Creates the tables that are missing. Safe to call again.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be written
   */
  createTable(): void {
    this.#replica.createTables();
  }
}
