import { heeding, throwIfAborted } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import type { SnapshotStore, StoredSnapshot } from '../snapshot-store.js';
import { validateSnapshot } from '../snapshot-validation.js';
import { SQLITE_DIALECT } from '../sql/sql-dialect.js';
import { sqlTableName } from '../sql/sql-names.js';
import type { Creations, SqlTableName } from '../sql/sql-names.js';
import { createSnapshotsSql, SNAPSHOT_COLUMNS, toSnapshot, upsertSnapshotSql } from '../sql/sql-snapshots.js';
import { toQuery } from './d1-connection.js';
import { toBytes, toValue } from './d1-events.js';
import type { D1ProcessRecorder } from './d1-recorder.js';

const TABLE_DEFAULT = 'snapshots';

/** Options of {@link D1SnapshotStore}. */
export interface D1SnapshotStoreOptions {
  /** In whose database, and by whose session. */
  readonly recorder: D1ProcessRecorder;
  /** @defaultValue `snapshots` */
  readonly table?: string;
}

/**
 * Snapshots in D1, beside the events: each is a batch of its own, after the commit.
 *
 * @example
 * ```ts
 * const store = new D1SnapshotStore({ recorder });
 * const app = new Application({ recorder, aggregates: [order], snapshots: { store, interval: 100 } });
 * ```
 */
export class D1SnapshotStore implements SnapshotStore {
  readonly #recorder: D1ProcessRecorder;
  readonly #names: SqlTableName;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor({ recorder, table = TABLE_DEFAULT }: D1SnapshotStoreOptions) {
    this.#recorder = recorder;
    this.#names = sqlTableName(table, undefined, SQLITE_DIALECT);
  }

  /** What the table is made of: for a `Migrator`, and for a file of `wrangler d1 migrations`. */
  get tables(): Creations {
    const { name, table } = this.#names;
    const sql = createSnapshotsSql(table, SQLITE_DIALECT);
    return { schema: undefined, lock: `daybook snapshots ${table}`, creations: [{ name, sql }] };
  }

  /** Creates the table if it is missing. Safe to call again. */
  async createTables(): Promise<void> {
    await this.#recorder.batch(this.tables.creations.map(({ sql }) => ({ text: sql, values: [] })));
  }

  async select(originatorId: string, { signal }: CallOptions = {}): Promise<StoredSnapshot | undefined> {
    const text = `SELECT ${SNAPSHOT_COLUMNS} FROM ${this.#names.table} WHERE originator_id = $1`;
    const query = toQuery(text, [originatorId]);
    const [row] = await heeding(signal, () => this.#recorder.connection.read(query));
    return row && toSnapshot({ ...row, state: toBytes(row['state']) });
  }

  /** @throws DataError (`DATA_ERROR`) with `details.rowBytes` when the state is larger than a row may be */
  async upsert(snapshot: StoredSnapshot, { signal }: CallOptions = {}): Promise<boolean> {
    validateSnapshot(snapshot);
    throwIfAborted(signal);
    const { originatorId, originatorVersion, eventId, aggregateType, stateVersion, state, takenAtMs } = snapshot;
    const values = [originatorId, originatorVersion, eventId, aggregateType, stateVersion, toValue(state), takenAtMs];
    const [result] = await this.#recorder.batch([{ text: upsertSnapshotSql(this.#names.table), values }]);
    return (result?.rows.length ?? 0) > 0;
  }

  async remove(originatorId?: string, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    const text = `DELETE FROM ${this.#names.table}`;
    await this.#recorder.batch([
      originatorId === undefined
        ? { text, values: [] }
        : { text: `${text} WHERE originator_id = $1`, values: [originatorId] },
    ]);
  }
}
