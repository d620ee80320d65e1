/**
 * The tables that stand beside the events of a log, in PostgreSQL.
 *
 * ```text
 * <name>_units      a row for each unit: where it stands, or why it is refused
 * <name>_head       one row: the end of the log, locked by whoever adds to it; its position is -1 - position of a log that
 *                   was moved to other tables, so that nobody goes on with it here
 * <name>_gaps       ids of events that were passed over, and may turn up
 * <name>_set_aside  units that were offered because the log has lost them, and did not come back; and what they wait for
 * <name>_refused    for operators: what was in units that are refused
 * ```
 *
 * @module
 */
import { sqlTableName } from '../../../persistence/sql/sql-names.js';
import type { Creation } from '../../../persistence/sql/sql-names.js';
import type { SqlTenants } from '../../../persistence/sql/sql-tenants.js';

/** The tables of a log, as SQL. */
export interface LogTables {
  readonly units: string;
  readonly head: string;
  readonly gaps: string;
  readonly setAside: string;
  readonly refused: string;
  /** What creates them; the first one names the log among others. */
  readonly creations: readonly Creation[];
  /** Makes the one row that the head has. */
  readonly firstHeadSql: string;
}

/**
 * @param tenants - how the tables are shared, if they are: each tenant has a head and units of its own in them
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when tables cannot have such a name
 */
export function logTables(name: string, schema: string | undefined, tenants?: SqlTenants): LogTables {
  const [units, head, gaps, setAside, refused] = ['units', 'head', 'gaps', 'set_aside', 'refused'].map((ending) =>
    sqlTableName(`${name}_${ending}`, schema, { supportsSchemas: true }),
  ) as [SqlTable, SqlTable, SqlTable, SqlTable, SqlTable];
  const unique = (column: string): Creation => {
    const { name: index } = units.index(column, '');
    const on = `${units.table} (${keyOf(column, tenants)})`;
    return { name: index, sql: `CREATE UNIQUE INDEX IF NOT EXISTS "${index}" ON ${on} WHERE ${column} IS NOT NULL` };
  };
  const { name: waitingIndex } = setAside.index('awaits', '');
  const waiting: Creation = {
    name: waitingIndex,
    // Tables of before may be there without these columns.
    sql: `ALTER TABLE ${setAside.table} ADD COLUMN IF NOT EXISTS edition UUID, ADD COLUMN IF NOT EXISTS awaits UUID;
      CREATE INDEX IF NOT EXISTS "${waitingIndex}" ON ${setAside.table} (${keyOf('awaits', tenants)}) WHERE awaits IS NOT NULL`,
  };
  const creation = (table: SqlTable, columns: Columns, isLarge = false): Creation => {
    const { name: created } = table;
    const sql = createSql(table.table, columns, tenants);
    if (tenants === undefined) return { name: created, sql };
    const split = isLarge ? ` ${tenants.partitionSql}` : '';
    return { name: created, sql: `${sql}${split};\n${tenants.shareSql(table, { isLarge })}` };
  };
  return {
    units: units.table,
    head: head.table,
    gaps: gaps.table,
    setAside: setAside.table,
    refused: refused.table,
    creations: [
      creation(units, UNITS, true),
      unique('position'),
      unique('last_id'),
      creation(gaps, GAPS),
      creation(setAside, SET_ASIDE),
      waiting,
      creation(refused, REFUSED),
      creation(head, HEAD),
    ],
    firstHeadSql: `INSERT INTO ${head.table} (id, position, chain, last_id)
      VALUES (1, 0, decode(repeat('00', 16), 'hex'), 0) ON CONFLICT DO NOTHING`,
  };
}

type SqlTable = ReturnType<typeof sqlTableName>;

/** The columns of a table, the first of which is its key. */
type Columns = readonly [key: string, ...more: string[]];

function createSql(table: string, [key, ...more]: Columns, tenants: SqlTenants | undefined): string {
  const [name = ''] = key.split(' ');
  const columns = [...(tenants === undefined ? [] : [tenants.columnSql]), key, ...more];
  return `CREATE TABLE IF NOT EXISTS ${table} (
    ${[...columns, `PRIMARY KEY (${keyOf(name, tenants)})`].join(',\n    ')}
  )`;
}

function keyOf(column: string, tenants: SqlTenants | undefined): string {
  return tenants === undefined ? column : `${tenants.column}, ${column}`;
}

const UNITS: Columns = [
  'unit_id UUID',
  'position BIGINT',
  'last_id BIGINT',
  'count INTEGER',
  'bytes BIGINT',
  'chain BYTEA',
  'is_commutative BOOLEAN',
  'scopes TEXT',
  'after BYTEA',
  'edition UUID',
  'code TEXT',
  'message TEXT',
  'author TEXT NOT NULL',
  'replica TEXT NOT NULL',
  'recorded_at_ms BIGINT NOT NULL',
  'CHECK ((position IS NULL) = (code IS NOT NULL))',
];

const GAPS: Columns = ['first_id BIGINT', 'last_id BIGINT NOT NULL'];

const SET_ASIDE: Columns = [
  'unit_id UUID',
  'unit BYTEA NOT NULL',
  'code TEXT NOT NULL',
  'message TEXT NOT NULL',
  'offered_by TEXT NOT NULL',
  'offered_at_ms BIGINT NOT NULL',
];

const REFUSED: Columns = ['unit_id UUID', 'unit BYTEA', 'bytes BIGINT NOT NULL', 'refused_at_ms BIGINT NOT NULL'];

const HEAD: Columns = [
  'id INTEGER CHECK (id = 1)',
  'position BIGINT NOT NULL',
  'chain BYTEA NOT NULL',
  'last_id BIGINT NOT NULL',
];
