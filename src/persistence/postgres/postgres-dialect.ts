import type { SqlDialect } from '../sql/sql-dialect.js';

/** The SQL of PostgreSQL. */
export const POSTGRES_DIALECT: SqlDialect = {
  name: 'postgres',
  types: {
    integer: 'BIGINT',
    bytes: 'BYTEA',
    // Not JSONB: that refuses the character U+0000, which texts of events may have.
    json: 'JSON',
    instant: 'TIMESTAMPTZ',
    // The locale's order would tear prefixes apart.
    word: 'TEXT COLLATE "C"',
  },
  supportsSchemas: true,
  rowLock: 'FOR UPDATE',
  freeRowLock: 'FOR UPDATE SKIP LOCKED',
  turnSql: 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))',
  relationsSql: `SELECT relation.relname AS name FROM pg_class relation
    JOIN pg_namespace space ON space.oid = relation.relnamespace
    WHERE CASE WHEN $1::text IS NULL THEN pg_table_is_visible(relation.oid) ELSE space.nspname = $1 END`,
};
