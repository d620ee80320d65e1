/**
 * A log of units whose events are in the tables of the Python library, in PostgreSQL.
 *
 * @module
 */
import { ProgrammingError } from '../../../persistence/errors.js';
import { createMissing } from '../../../persistence/sql/create-missing.js';
import type { Creations } from '../../../persistence/sql/sql-names.js';
import type { SqlRecorder } from '../../../persistence/sql/sql-recorder.js';
import { checkInline, InlineUnits } from '../inline-units.js';
import type { InlinePushes } from '../inline-units.js';
import { logTables } from './log-tables.js';
import type { LogTables } from './log-tables.js';
import { PostgresLogStorage } from './postgres-log-storage.js';
import { StoredUnitLog } from '../stored-unit-log.js';
import type { UnitLogOptions } from '../stored-unit-log.js';

const NAME_DEFAULT = 'daybook';

/** Options of {@link PostgresUnitLog}. */
export interface PostgresUnitLogOptions extends UnitLogOptions {
  /** Records the events, and says which tables they are in: a `PostgresProcessRecorder`. */
  readonly recorder: SqlRecorder;
  /** Put before `_units`, `_head`, `_gaps`, `_set_aside` and `_refused`. @defaultValue `daybook` */
  readonly name?: string;
  /** Of these tables; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
  /**
   * Takes part in the transactions of pushes and of what is brought back: what it writes is committed with the units, or not
   * at all. An event index keeps event ids unique among all devices, and finds what they sent. A unit that it refuses, by
   * `DUPLICATE_EVENT` or a `ForbiddenError` of your own, is rejected for good, with that code and message, and the others go
   * on; whatever else is thrown is the server's fault, and tried again by the device.
   *
   * Those who take part have to know events, so each is decoded, before a transaction is open. One that cannot be is logged,
   * and answered with `INVALID_REQUEST`, of which `details.reason` is the decoder's code: its unit waits on the device, until
   * the server can read it or `authorizePush` refuses it.
   *
   * @example
   * ```ts
   * const index = new SqlEventIndex({ recorder });
   * await index.createTables();
   * const app = new Application({ recorder, aggregates: [order], inline: [index] });
   * const inline = { participants: [index], decode: (notification) => app.decode(notification) };
   * const unitLog = new PostgresUnitLog({ recorder, inline });
   * ```
   *
   * @defaultValue nobody takes part: a server stores what it is sent, whatever that means
   */
  readonly inline?: InlinePushes | undefined;
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
   *   name, or another option is not what it should be
   */
  constructor(options: PostgresUnitLogOptions) {
    const { recorder, name = NAME_DEFAULT, schema, inline } = options;
    checkInline(inline);
    const { log } = recorder.dialect;
    if (log === undefined) {
      throw new ProgrammingError('A PostgresUnitLog needs a recorder on PostgreSQL: a PostgresProcessRecorder.');
    }
    const tables = logTables(name, schema, log.tenants);
    const storage = new PostgresLogStorage({ recorder, log, tables, participants: inline?.participants ?? [] });
    super(storage, options, { idType: log.originatorIdType, inline: new InlineUnits(inline) });
    this.#recorder = recorder;
    this.#tables = tables;
    this.#schema = schema;
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. The tables of the events are the recorder's. */
  get tables(): Creations {
    const { units, creations } = this.#tables;
    return { schema: this.#schema, lock: `daybook unit log ${units}`, creations, isOfLog: true };
  }

  /**
   * Creates the tables that are missing, and makes units of the events that are there. Safe to call again, also by several
   * at once. The tables of the events are the recorder's, and are to be there before.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the tables are those of other events in the database
   */
  async createTables(): Promise<void> {
    const { head, firstHeadSql } = this.#tables;
    await createMissing(this.#recorder.owner ?? this.#recorder, this.tables);
    // Asked first: even an insert that does nothing waits for who is adding to the log.
    const { rows } = await this.#recorder.query(`SELECT 1 AS there FROM ${head} LIMIT 1`);
    if (rows.length === 0) await this.#recorder.transaction(({ connection }) => connection.query(firstHeadSql));
    await this.head();
  }
}
