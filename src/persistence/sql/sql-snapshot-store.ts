/**
 * Snapshots in a table beside the events, on every engine with SQL.
 *
 * @module
 */
import { heeding } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import type { SnapshotStore, StoredSnapshot } from '../snapshot-store.js';
import { createSnapshotsSql, SNAPSHOT_COLUMNS, toSnapshot, upsertSnapshotSql } from './sql-snapshots.js';
import type { SqlQueryable, SqlResult } from './sql-queryable.js';
import type { SqlRecorder } from './sql-recorder.js';
import type { RecorderTransaction, TransactionalRecorder } from '../recorder-transaction.js';
import { recorderOf } from '../transaction-ends.js';
import { createMissing } from './create-missing.js';
import type { Creations } from './sql-names.js';
import { sqlTableName } from './sql-names.js';
import type { SqlTableName } from './sql-names.js';
import { validateSnapshot } from '../snapshot-validation.js';

const TABLE_DEFAULT = 'snapshots';

/** Options of {@link SqlSnapshotStore}. */
export interface SqlSnapshotStoreOptions {
  /**
   * Where the table is. It need not be the recorder of the events; but where it is, or a session's of it, snapshots are used
   * inside of transactions, too. From elsewhere, on SQLite, they are not, where they would wait for what waits for them.
   */
  readonly recorder: SqlRecorder;
  /** @defaultValue `snapshots` */
  readonly table?: string;
  /** PostgreSQL only; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
}

/**
 * Snapshots in a table.
 *
 * @example
 * ```ts
 * const store = new SqlSnapshotStore({ recorder });
 * await store.createTables();
 * const app = new Application({ recorder, aggregates: [order], snapshots: { store, interval: 100 } });
 * ```
 */
export class SqlSnapshotStore implements SnapshotStore {
  readonly #recorder: SqlRecorder;
  readonly #names: SqlTableName;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor({ recorder, table = TABLE_DEFAULT, schema }: SqlSnapshotStoreOptions) {
    this.#recorder = recorder;
    this.#names = sqlTableName(table, schema, recorder.dialect);
  }

  /** On an engine where one connection does everything, unless its recorder takes part in the transaction. */
  get waitsForTransactions(): boolean {
    return this.#recorder.dialect.turnSql === undefined && this.#recorder.onEnded === undefined;
  }

  /** What the table is made of, for a `Migrator` and for who prints it. */
  get tables(): Creations {
    const { name, schema, table } = this.#names;
    const sql = createSnapshotsSql(table, this.#recorder.dialect);
    return { schema, lock: `daybook snapshots ${table}`, creations: [{ name, sql }] };
  }

  /** Creates the table if it is missing. Safe to call again. */
  async createTables(): Promise<void> {
    await createMissing(this.#recorder, this.tables);
  }

  async select(originatorId: string, options: CallOptions = {}): Promise<StoredSnapshot | undefined> {
    // In a transaction of the caller's by one within it: a snapshot that cannot be read spoils nothing but itself.
    const isInside = this.#recorder.onEnded !== undefined;
    return await this.#select(isInside ? this.#recorder : undefined, originatorId, options);
  }

  within(transaction: object): Pick<SnapshotStore, 'select'> | undefined {
    if (recorderOf(transaction) !== this.#recorder) return undefined;
    const inside = transaction as RecorderTransaction<SqlQueryable>;
    return { select: async (originatorId, options = {}) => await this.#select(inside, originatorId, options) };
  }

  async #select(
    inside: Pick<TransactionalRecorder<SqlQueryable>, 'transaction'> | undefined,
    originatorId: string,
    { signal }: CallOptions,
  ): Promise<StoredSnapshot | undefined> {
    const read = async (sql: SqlQueryable): Promise<StoredSnapshot | undefined> => {
      const text = `SELECT ${SNAPSHOT_COLUMNS} FROM ${this.#names.table} WHERE originator_id = $1`;
      const { rows } = await sql.query(text, [originatorId]);
      return rows[0] === undefined ? undefined : toSnapshot(rows[0]);
    };
    return await heeding(
      signal,
      () => inside?.transaction(({ connection }) => read(connection)) ?? read(this.#recorder),
    );
  }

  async upsert(snapshot: StoredSnapshot, options: CallOptions = {}): Promise<boolean> {
    validateSnapshot(snapshot);
    const { originatorId, originatorVersion, eventId, aggregateType, stateVersion, state, takenAtMs } = snapshot;
    const values = [originatorId, originatorVersion, eventId, aggregateType, stateVersion, state, takenAtMs];
    const rows = await this.#write(upsertSnapshotSql(this.#names.table), values, options);
    return rows.length > 0;
  }

  async remove(originatorId?: string, options: CallOptions = {}): Promise<void> {
    if (originatorId === undefined) await this.#write(`DELETE FROM ${this.#names.table}`, [], options);
    else await this.#write(`DELETE FROM ${this.#names.table} WHERE originator_id = $1`, [originatorId], options);
  }

  async #write(text: string, values: unknown[], options: CallOptions): Promise<SqlResult['rows']> {
    return await this.#recorder.transaction(
      async ({ connection }) => (await connection.query(text, values)).rows,
      options,
    );
  }
}
