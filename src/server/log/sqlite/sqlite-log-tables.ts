/**
 * The tables that stand beside the events of a log, in SQLite.
 *
 * ```text
 * <name>_units      a row for each unit that is in the log: where it stands
 * <name>_rejected   a row for each one that is refused for good, why, and what was in it, as long as operators may see that
 * <name>_head       one row: the end of the log; its position is -1 - position of a log that was moved to other tables, so
 *                   that nobody goes on with it here
 * <name>_gaps       ids of events that were passed over, and may turn up
 * <name>_set_aside  units that were offered because the log has lost them, and did not come back; and what they wait for
 * ```
 *
 * Where each row that is written has its price, an index costs as much as a row: units have two, without which nothing is
 * found.
 *
 * @module
 */
import { sqlTableName } from '../../../persistence/sql/sql-names.js';
import type { Creation, SqlTableName } from '../../../persistence/sql/sql-names.js';

/** The tables of a log, as SQL. */
export interface SqliteLogTables {
  readonly units: string;
  readonly rejected: string;
  readonly head: string;
  readonly gaps: string;
  readonly setAside: string;
  /** What creates them. */
  readonly creations: readonly Creation[];
  /** Makes the one row that the head has. */
  readonly firstHeadSql: string;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when tables cannot have such a name */
export function sqliteLogTables(name: string): SqliteLogTables {
  const [units, rejected, head, gaps, setAside] = ['units', 'rejected', 'head', 'gaps', 'set_aside'].map((ending) =>
    sqlTableName(`${name}_${ending}`, undefined, { supportsSchemas: false }),
  ) as [SqlTableName, SqlTableName, SqlTableName, SqlTableName, SqlTableName];
  return {
    units: units.table,
    rejected: rejected.table,
    head: head.table,
    gaps: gaps.table,
    setAside: setAside.table,
    creations: [
      { name: units.name, sql: `CREATE TABLE IF NOT EXISTS ${units.table} (${UNITS})` },
      { name: rejected.name, sql: `CREATE TABLE IF NOT EXISTS ${rejected.table} (${REJECTED})` },
      rejected.index('listed', '(recorded_at_ms) WHERE bytes IS NOT NULL'),
      { name: gaps.name, sql: `CREATE TABLE IF NOT EXISTS ${gaps.table} (${GAPS})` },
      { name: setAside.name, sql: `CREATE TABLE IF NOT EXISTS ${setAside.table} (${SET_ASIDE})` },
      setAside.index('awaits', '(awaits) WHERE awaits IS NOT NULL'),
      { name: head.name, sql: `CREATE TABLE IF NOT EXISTS ${head.table} (${HEAD})` },
    ],
    firstHeadSql: `INSERT INTO ${head.table} (id, position, chain, last_id) VALUES (1, 0, zeroblob(16), 0) ON CONFLICT DO NOTHING`,
  };
}

// In the order of the events, so that a page of them is a range of rows.
const UNITS = `last_id INTEGER PRIMARY KEY,
  position INTEGER NOT NULL UNIQUE,
  unit_id BLOB NOT NULL UNIQUE,
  count INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  chain BLOB NOT NULL,
  is_commutative INTEGER NOT NULL,
  scopes TEXT,
  after BLOB NOT NULL,
  edition BLOB,
  author TEXT NOT NULL,
  replica TEXT NOT NULL,
  recorded_at_ms INTEGER NOT NULL`;

// Without `bytes` it is not in the operator's list.
const REJECTED = `unit_id BLOB NOT NULL PRIMARY KEY,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  author TEXT NOT NULL,
  replica TEXT NOT NULL,
  recorded_at_ms INTEGER NOT NULL,
  bytes INTEGER,
  unit BLOB`;

const GAPS = `first_id INTEGER PRIMARY KEY,
  last_id INTEGER NOT NULL`;

const SET_ASIDE = `unit_id BLOB NOT NULL PRIMARY KEY,
  unit BLOB NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  offered_by TEXT NOT NULL,
  offered_at_ms INTEGER NOT NULL,
  edition BLOB NOT NULL,
  awaits BLOB`;

const HEAD = `id INTEGER PRIMARY KEY CHECK (id = 1),
  position INTEGER NOT NULL,
  chain BLOB NOT NULL,
  last_id INTEGER NOT NULL`;
