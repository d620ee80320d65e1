/**
 * What was done to a database, in a table of it.
 *
 * ```text
 * set_name       'application', or 'daybook <table>' for the steps by which Daybook's own tables were made
 * version        within the set
 * name           for people
 * checksum       of the text that was run, SHA-256
 * state          applied | applying | reverting; the last two of what is in no transaction, while it runs, or since it was broken off
 * applied_at_ms  when it began, by the clock of who did it
 * duration_ms    how long it took
 * ```
 *
 * @module
 */
import { createMissing } from '../persistence/sql/create-missing.js';
import type { Creations } from '../persistence/sql/sql-names.js';
import { DatabaseError } from '../persistence/errors.js';
import { sqlTableName } from '../persistence/sql/sql-names.js';
import type { SqlTableName } from '../persistence/sql/sql-names.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { SqlQueryable, SqlRow } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';

/** What became of a migration. */
export type LedgerState = 'applied' | 'applying' | 'reverting';

/** A row of the ledger. */
export interface LedgerEntry {
  readonly set: string;
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  readonly state: LedgerState;
  readonly appliedAtMs: number;
  readonly durationMs: number;
}

/** The set of the application's migrations in the ledger. */
export const SET_DEFAULT = 'application';
const TABLE_DEFAULT = 'migration_ledger';

/** The ledger of a database. */
export class MigrationLedger {
  readonly #names: SqlTableName;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor(table: string | undefined, schema: string | undefined, dialect: SqlDialect) {
    this.#names = sqlTableName(table ?? TABLE_DEFAULT, schema, dialect);
  }

  /** Names the turn of who migrates. */
  get turn(): string {
    return `daybook migrations ${this.#names.table}`;
  }

  get tables(): Creations {
    const { name, schema, table } = this.#names;
    const sql = `CREATE TABLE IF NOT EXISTS ${table} (
  set_name TEXT NOT NULL,
  version BIGINT NOT NULL,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('applied', 'applying', 'reverting')),
  applied_at_ms BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  PRIMARY KEY (set_name, version)
)`;
    return { schema, lock: `daybook migration ledger ${table}`, creations: [{ name, sql }] };
  }

  async create(recorder: SqlRecorder): Promise<void> {
    await createMissing(recorder, this.tables);
  }

  /** In the order of their versions; none where there is no such table yet. */
  async read(recorder: SqlRecorder): Promise<readonly LedgerEntry[]> {
    try {
      return await this.readWithin(recorder);
    } catch (error) {
      // Whatever is really wrong shows again when it is created.
      if (error instanceof DatabaseError) return [];
      throw error;
    }
  }

  /** The same where the table is known to be there: what fails would spoil a transaction. */
  async readWithin(sql: SqlQueryable): Promise<readonly LedgerEntry[]> {
    const { rows } = await sql.query(
      `SELECT set_name, version, name, checksum, state, applied_at_ms, duration_ms FROM ${this.#names.table} ORDER BY version`,
    );
    return rows.map(toEntry);
  }

  /** Writes a row, over an older one. */
  async put(sql: SqlQueryable, { set, version, name, checksum, state, ...times }: LedgerEntry): Promise<void> {
    await sql.query(
      `INSERT INTO ${this.#names.table} (set_name, version, name, checksum, state, applied_at_ms, duration_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (set_name, version) DO UPDATE SET name = excluded.name, checksum = excluded.checksum,
          state = excluded.state, applied_at_ms = excluded.applied_at_ms, duration_ms = excluded.duration_ms`,
      [set, version, name, checksum, state, Math.round(times.appliedAtMs), Math.round(times.durationMs)],
    );
  }

  /** As SQL: that something was applied, now. @param nowMs - as SQL */
  appliedSql({ set, version, name, checksum }: Omit<LedgerEntry, 'state' | `${string}Ms`>, nowMs: string): string {
    const values = [...[set, name, checksum].map((text) => `'${text.replaceAll("'", "''")}'`)] as const;
    const [setName, called, sum] = values;
    return `INSERT INTO ${this.#names.table} (set_name, version, name, checksum, state, applied_at_ms, duration_ms)
  VALUES (${setName}, ${version}, ${called}, ${sum}, 'applied', ${nowMs}, 0)`;
  }

  async remove(sql: SqlQueryable, { set, version }: Pick<LedgerEntry, 'set' | 'version'>): Promise<void> {
    await sql.query(`DELETE FROM ${this.#names.table} WHERE set_name = $1 AND version = $2`, [set, version]);
  }
}

function toEntry(row: SqlRow): LedgerEntry {
  return {
    set: String(row['set_name']),
    version: Number(row['version']),
    name: String(row['name']),
    checksum: String(row['checksum']),
    state: row['state'] as LedgerState,
    appliedAtMs: Number(row['applied_at_ms']),
    durationMs: Number(row['duration_ms']),
  };
}
