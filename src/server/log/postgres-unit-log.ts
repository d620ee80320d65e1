/**
 * A log of units whose events are in the tables of the Python library, in PostgreSQL.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import { createMissing } from '../../persistence/sql/create-missing.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import { logTables } from './log-tables.js';
import type { LogTables } from './log-tables.js';
import { PostgresLogStorage } from './postgres-log-storage.js';
import { StoredUnitLog } from './stored-unit-log.js';
import type { UnitLogOptions } from './stored-unit-log.js';

const NAME_DEFAULT = 'daybook';

/** Options of {@link PostgresUnitLog}. */
export interface PostgresUnitLogOptions extends UnitLogOptions {
  /** Records the events, and says which tables they are in: a `PostgresProcessRecorder`. */
  readonly recorder: SqlRecorder;
  /** Put before `_units`, `_head`, `_gaps` and `_set_aside`. @defaultValue `daybook` */
  readonly name?: string;
  /** Of these tables; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
  /**
   * Records the events of a push inside its transaction, with whoever takes part in it.
   *
   * @defaultValue `transaction.insertEvents`
   */
  readonly insertEvents?: (
    transaction: RecorderTransaction<SqlQueryable>,
    events: readonly StoredEvent[],
  ) => Promise<readonly NotificationId[]>;
}

/**
 * A log of units beside the events that a `PostgresProcessRecorder` has. What others insert there, a Python process or any
 * SQL, becomes part of the log like everybody's.
 *
 * @example
 * ```ts
 * const recorder = new PostgresProcessRecorder({ pool, applicationName: 'warehouse' });
 * await recorder.createTable();
 * const log = new PostgresUnitLog({ recorder, seals: { keys: [sealKey] } });
 * await log.createTables();
 * ```
 */
export class PostgresUnitLog extends StoredUnitLog {
  readonly #recorder: SqlRecorder;
  readonly #tables: LogTables;
  readonly #schema: string | undefined;

  /**
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the recorder is none of PostgreSQL's, tables cannot have such a
   *   name, or a key of the seals is none
   */
  constructor(options: PostgresUnitLogOptions) {
    const { recorder, name = NAME_DEFAULT, schema, insertEvents = insertAlone } = options;
    const { log } = recorder.dialect;
    if (log === undefined) {
      throw new ProgrammingError('A PostgresUnitLog needs a recorder on PostgreSQL: a PostgresProcessRecorder.');
    }
    const tables = logTables(name, schema);
    super(new PostgresLogStorage({ recorder, log, tables, insertEvents }), options, log.originatorIdType);
    this.#recorder = recorder;
    this.#tables = tables;
    this.#schema = schema;
  }

  /**
   * Creates the tables that are missing, and makes units of the events that are there. Safe to call again, also by several
   * at once. The tables of the events are the recorder's, and are to be there before.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the tables are those of other events in the database
   */
  async createTables(): Promise<void> {
    const { units, creations, firstHeadSql } = this.#tables;
    const [schema, lock] = [this.#schema, `daybook unit log ${units}`];
    await createMissing(this.#recorder, { schema, lock, creations, isOfLog: true });
    await this.#recorder.transaction(async ({ connection }) => await connection.query(firstHeadSql));
    await this.head();
  }
}

async function insertAlone(
  transaction: RecorderTransaction<SqlQueryable>,
  events: readonly StoredEvent[],
): Promise<readonly NotificationId[]> {
  return await transaction.insertEvents(events);
}
