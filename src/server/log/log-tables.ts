/**
 * The tables that stand beside the events of a log, in PostgreSQL.
 *
 * ```text
 * <name>_units      a row for each unit: where it stands, or why it is refused
 * <name>_head       one row: the end of the log, locked by whoever adds to it
 * <name>_gaps       ids of events that were passed over, and may turn up
 * <name>_set_aside  units that were offered because the log has lost them, and did not come back
 * ```
 *
 * @module
 */
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { Creation } from '../../persistence/sql/sql-names.js';

/** The tables of a log, as SQL. */
export interface LogTables {
  readonly units: string;
  readonly head: string;
  readonly gaps: string;
  readonly setAside: string;
  /** What creates them; the first one names the log among others. */
  readonly creations: readonly Creation[];
  /** Makes the one row that the head has. */
  readonly firstHeadSql: string;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when tables cannot have such a name */
export function logTables(name: string, schema: string | undefined): LogTables {
  const [units, head, gaps, setAside] = ['units', 'head', 'gaps', 'set_aside'].map((ending) =>
    sqlTableName(`${name}_${ending}`, schema, { supportsSchemas: true }),
  ) as [SqlTable, SqlTable, SqlTable, SqlTable];
  const unique = (column: string): Creation => {
    const { name: index } = units.index(column, '');
    const sql = `CREATE UNIQUE INDEX IF NOT EXISTS "${index}" ON ${units.table} (${column}) WHERE ${column} IS NOT NULL`;
    return { name: index, sql };
  };
  return {
    units: units.table,
    head: head.table,
    gaps: gaps.table,
    setAside: setAside.table,
    creations: [
      { name: units.name, sql: unitsSql(units.table) },
      unique('position'),
      unique('last_id'),
      { name: gaps.name, sql: GAPS_SQL(gaps.table) },
      { name: setAside.name, sql: SET_ASIDE_SQL(setAside.table) },
      { name: head.name, sql: HEAD_SQL(head.table) },
    ],
    firstHeadSql: `INSERT INTO ${head.table} (id, position, chain, last_id)
      VALUES (1, 0, decode(repeat('00', 16), 'hex'), 0) ON CONFLICT (id) DO NOTHING`,
  };
}

type SqlTable = ReturnType<typeof sqlTableName>;

function unitsSql(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (
    unit_id UUID PRIMARY KEY,
    position BIGINT,
    last_id BIGINT,
    count INTEGER,
    bytes BIGINT,
    chain BYTEA,
    is_commutative BOOLEAN,
    scopes TEXT,
    after BYTEA,
    code TEXT,
    message TEXT,
    author TEXT NOT NULL,
    replica TEXT NOT NULL,
    recorded_at_ms BIGINT NOT NULL,
    CHECK ((position IS NULL) = (code IS NOT NULL))
  )`;
}

const GAPS_SQL = (table: string): string =>
  `CREATE TABLE IF NOT EXISTS ${table} (first_id BIGINT PRIMARY KEY, last_id BIGINT NOT NULL)`;

const SET_ASIDE_SQL = (table: string): string => `CREATE TABLE IF NOT EXISTS ${table} (
    unit_id UUID PRIMARY KEY,
    unit BYTEA NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    offered_by TEXT NOT NULL,
    offered_at_ms BIGINT NOT NULL
  )`;

const HEAD_SQL = (table: string): string => `CREATE TABLE IF NOT EXISTS ${table} (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,
    chain BYTEA NOT NULL,
    last_id BIGINT NOT NULL
  )`;
