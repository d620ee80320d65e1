/**
 * A log of units whose events are in SQLite: a server in one file, or in whatever keeps its tables in SQLite.
 *
 * @module
 */
import { ProgrammingError } from '../../../persistence/errors.js';
import { createMissing } from '../../../persistence/sql/create-missing.js';
import type { Creations } from '../../../persistence/sql/sql-names.js';
import type { SqlRecorder } from '../../../persistence/sql/sql-recorder.js';
import { checkInline, InlineUnits } from '../inline-units.js';
import type { InlinePushes } from '../inline-units.js';
import { StoredUnitLog } from '../stored-unit-log.js';
import type { UnitLogOptions } from '../stored-unit-log.js';
import { SqliteLogStorage } from './sqlite-log-storage.js';
import { sqliteLogTables } from './sqlite-log-tables.js';
import type { SqliteLogTables } from './sqlite-log-tables.js';

const NAME_DEFAULT = 'daybook_log';

/** Options of {@link SqliteUnitLog}. */
export interface SqliteUnitLogOptions extends UnitLogOptions {
  /** Records the events, and says which table they are in: a `SqliteProcessRecorder`. */
  readonly recorder: SqlRecorder;
  /** Put before `_units`, `_rejected`, `_head`, `_gaps` and `_set_aside`. @defaultValue `daybook_log` */
  readonly name?: string;
  /**
   * Takes part in the transactions of pushes and of what is brought back, as with `PostgresUnitLog`.
   *
   * @defaultValue nobody takes part: a server stores what it is sent, whatever that means
   */
  readonly inline?: InlinePushes | undefined;
}

/**
 * A log of units beside the events that a `SqliteProcessRecorder` has: the whole protocol, and the same answers as on
 * PostgreSQL. What others insert there becomes part of the log like everybody's. One process at a time writes to the file;
 * several may share it.
 *
 * @example
 * ```ts
 * const recorder = new SqliteProcessRecorder(await openNodeSqlite({ path: 'warehouse.sqlite' }));
 * await recorder.createTable();
 * const unitLog = new SqliteUnitLog({ recorder, seals: { keys: [sealKey] } });
 * await unitLog.createTables();
 * export default createSyncServer({ unitLog, verifyToken });
 * ```
 */
export class SqliteUnitLog extends StoredUnitLog {
  readonly #recorder: SqlRecorder;
  readonly #name: string;
  readonly #tables: SqliteLogTables;

  /**
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the recorder is none of SQLite's, or a browser's store, tables cannot
   *   have such a name, or another option is not what it should be
   */
  constructor(options: SqliteUnitLogOptions) {
    const { recorder, name = NAME_DEFAULT, inline } = options;
    checkInline(inline);
    // Somebody without types may hand in a recorder that has no SQL.
    const { name: engine, eventsTable } = (recorder as Partial<SqlRecorder>).dialect ?? {};
    if (engine !== 'sqlite' || eventsTable === undefined) {
      throw new ProgrammingError(
        'A SqliteUnitLog needs a recorder on SQLite: a SqliteProcessRecorder. The log of a browser is that of its server.',
      );
    }
    const tables = sqliteLogTables(name);
    const storage = new SqliteLogStorage({
      ...{ recorder, eventsTable, tables },
      participants: inline?.participants ?? [],
    });
    super(storage, options, { inline: new InlineUnits(inline) });
    this.#recorder = recorder;
    this.#name = name;
    this.#tables = tables;
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. The table of the events is the recorder's. */
  get tables(): Creations {
    return {
      schema: undefined,
      lock: `daybook unit log ${this.#name}`,
      creations: this.#tables.creations,
      isOfLog: true,
    };
  }

  /**
   * Creates the tables that are missing, and makes units of the events that are there. Safe to call again, also by several
   * at once. The table of the events is the recorder's, and is to be there before.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database cannot be written
   */
  async createTables(): Promise<void> {
    const { head, firstHeadSql } = this.#tables;
    await createMissing(this.#recorder, this.tables);
    const { rows } = await this.#recorder.query(`SELECT 1 AS there FROM ${head} LIMIT 1`);
    if (rows.length === 0) await this.#recorder.transaction(({ connection }) => connection.query(firstHeadSql));
    await this.head();
  }
}
