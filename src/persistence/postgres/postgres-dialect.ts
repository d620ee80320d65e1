import { isEventSourcingError } from '../../domain/errors.js';
import type { IndexesBesideWriters, SqlDialect, SqlLog } from '../sql/sql-dialect.js';
import type { PostgresPool } from './postgres-driver.js';
import { POSTGRES_DOCUMENTS } from './postgres-documents.js';
import { POSTGRES_INSPECTION } from './postgres-inspection.js';
import { plainLiteral } from './postgres-literals.js';
import { postgresTablesRead } from './postgres-tables-read.js';
import { POSTGRES_WORDS } from './postgres-words.js';

/** The SQL of PostgreSQL, for these events. */
export function postgresDialect(
  log: Omit<SqlLog, 'nameSql' | 'deniedState'>,
  { connectionsMax = Infinity }: Pick<PostgresPool, 'connectionsMax'> = {},
): SqlDialect {
  const { tenants } = log;
  // It takes one connection to hold the turn, and one to create.
  const besideWriters = connectionsMax < 2 ? undefined : BESIDE_WRITERS;
  // Each tenant has a log of its own: what is kept of one, in a table that knows no tenants, is no other's.
  const nameSql =
    tenants === undefined
      ? LOG_NAME_SQL
      : `SELECT name || ' of ' || ${plainLiteral(tenants.tenant)} AS name FROM (${LOG_NAME_SQL}) AS log`;
  const nextPositionSql = tenants === undefined ? [nextIdSql(log)] : undefined;
  return {
    ...POSTGRES_DIALECT,
    besideWriters,
    nextPositionSql,
    log: { ...log, nameSql, deniedState: INSUFFICIENT_PRIVILEGE },
  };
}

/** Back, too, to an id that a transaction has taken which rolled back: nobody has seen it. */
function nextIdSql({ eventsTable, columns }: Pick<SqlLog, 'eventsTable' | 'columns'>): string {
  const column = columns.notificationId.slice(1, -1).replaceAll('""', '"');
  return `SELECT setval(s.name, $1::bigint, false)
    FROM (SELECT pg_get_serial_sequence(${plainLiteral(eventsTable)}, ${plainLiteral(column)}) AS name) AS s
    WHERE s.name IS NOT NULL AND has_sequence_privilege(s.name, 'UPDATE')`;
}

const INSUFFICIENT_PRIVILEGE = '42501';
const DEADLOCK_DETECTED = '40P01';
// Also of a name without a schema, which is found along the search path.
const LOG_NAME_SQL = `SELECT space.nspname || '.' || relation.relname AS name FROM pg_class relation
  JOIN pg_namespace space ON space.oid = relation.relnamespace WHERE relation.oid = to_regclass($1::text)`;

const BESIDE_WRITERS: IndexesBesideWriters = {
  createSql: (sql) => sql.replace(/ INDEX /, ' INDEX CONCURRENTLY '),
  repairSql: (index) => `REINDEX INDEX CONCURRENTLY ${index}`,
  uselessSql: `SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = to_regclass($1::text) AND c.relname = (parse_ident($2::text))[1] AND NOT i.indisvalid`,
  dropSql: (index) => `DROP INDEX CONCURRENTLY IF EXISTS ${index}`,
  isOvertaken: (error) => isEventSourcingError(error) && error.details['sqlState'] === DEADLOCK_DETECTED,
};

const POSTGRES_DIALECT: SqlDialect = {
  name: 'postgres',
  lockTimeouts: { setSql: (timeoutMs) => `SET LOCAL lock_timeout = ${timeoutMs}`, errorState: '55P03' },
  triedTurns: {
    trySql: 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS taken',
    signOfLifeSql: 'SHOW transaction_isolation',
  },
  tablesReadBy: postgresTablesRead,
  types: {
    integer: 'BIGINT',
    bytes: 'BYTEA',
    // Not JSONB: that refuses the character U+0000, which texts of events may have.
    json: 'JSON',
    instant: 'TIMESTAMPTZ',
    // The locale's order would tear prefixes apart.
    word: 'TEXT COLLATE "C"',
  },
  documents: POSTGRES_DOCUMENTS,
  words: POSTGRES_WORDS,
  inspection: POSTGRES_INSPECTION,
  supportsSchemas: true,
  rowLock: 'FOR UPDATE',
  freeRowLock: 'FOR UPDATE SKIP LOCKED',
  // Its drivers give large ones as texts.
  exactSql: (column) => column,
  rowPlace: { column: 'ctid', type: 'tid', first: '(0,0)' },
  turnSql: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))',
  relationsSql: `SELECT relation.relname AS name FROM pg_class relation
    JOIN pg_namespace space ON space.oid = relation.relnamespace
    LEFT JOIN pg_index made ON made.indexrelid = relation.oid
    WHERE made.indisvalid IS NOT FALSE AND CASE WHEN $1::text IS NULL THEN pg_table_is_visible(relation.oid) ELSE space.nspname = $1 END`,
};
