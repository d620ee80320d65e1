/**
 * Snapshots in a table beside the events, on every engine with SQL.
 *
 * ```text
 * originator_id       text, primary key
 * originator_version  integer
 * event_id            text
 * aggregate_type      text
 * state_version       integer
 * state               bytes
 * taken_at_ms         integer
 * ```
 *
 * @module
 */
import { heeding } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import type { SnapshotStore, StoredSnapshot } from '../snapshot-store.js';
import { columnTypes } from './sql-dialect.js';
import type { SqlDialect } from './sql-dialect.js';
import type { SqlQueryable } from './sql-queryable.js';
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

const COLUMNS = 'originator_id, originator_version, event_id, aggregate_type, state_version, state, taken_at_ms';

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
    const sql = createTableSql(table, this.#recorder.dialect);
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
      const text = `SELECT ${COLUMNS} FROM ${this.#names.table} WHERE originator_id = $1`;
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
    const rows = await this.#write(upsertSql(this.#names.table), values, options);
    return rows.length > 0;
  }

  async remove(originatorId?: string, options: CallOptions = {}): Promise<void> {
    if (originatorId === undefined) await this.#write(`DELETE FROM ${this.#names.table}`, [], options);
    else await this.#write(`DELETE FROM ${this.#names.table} WHERE originator_id = $1`, [originatorId], options);
  }

  async #write(text: string, values: unknown[], options: CallOptions): Promise<readonly Row[]> {
    return await this.#recorder.transaction(
      async ({ connection }) => (await connection.query(text, values)).rows,
      options,
    );
  }
}

type Row = Readonly<Record<string, unknown>>;

function createTableSql(table: string, dialect: SqlDialect): string {
  const { integer, bytes } = columnTypes(dialect);
  return `CREATE TABLE IF NOT EXISTS ${table} (
    originator_id TEXT NOT NULL PRIMARY KEY,
    originator_version ${integer} NOT NULL,
    event_id TEXT NOT NULL,
    aggregate_type TEXT NOT NULL,
    state_version ${integer} NOT NULL,
    state ${bytes} NOT NULL,
    taken_at_ms ${integer} NOT NULL
  )`;
}

// Newer as `isNewerSnapshot` has it, in one statement: savers that run at once need no lock of their own.
function upsertSql(table: string): string {
  return `INSERT INTO ${table} AS present (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (originator_id) DO UPDATE SET
      originator_version = excluded.originator_version,
      event_id = excluded.event_id,
      aggregate_type = excluded.aggregate_type,
      state_version = excluded.state_version,
      state = excluded.state,
      taken_at_ms = excluded.taken_at_ms
    WHERE present.originator_version < excluded.originator_version
      OR (present.originator_version = excluded.originator_version
        AND present.state_version < excluded.state_version)
    RETURNING originator_version`;
}

/** Libraries give large integers as numbers, texts or bigints, and bytes as arrays of classes of their own. */
function toSnapshot(row: Row): StoredSnapshot {
  const { originator_id, originator_version, event_id, aggregate_type, state_version, state, taken_at_ms } = row;
  return {
    originatorId: String(originator_id),
    originatorVersion: Number(originator_version),
    eventId: String(event_id),
    aggregateType: String(aggregate_type),
    stateVersion: Number(state_version),
    state: new Uint8Array(state as Uint8Array),
    takenAtMs: Number(taken_at_ms),
  };
}
