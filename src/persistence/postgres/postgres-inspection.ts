import type { SqlInspection } from '../sql/sql-inspection.js';

// A table, and its parts where it is split: of one that is not, PostgreSQL's function gives no row.
const TREE_SQL = `SELECT to_regclass($1::text)::oid AS relid
  UNION SELECT relid::oid FROM pg_catalog.pg_partition_tree(to_regclass($1::text))`;

/** PostgreSQL knows the size of each table, and counts what its indexes are used for. */
export const POSTGRES_INSPECTION: SqlInspection = {
  // Read only, so that whatever is asked changes nothing; and a statement that is cancelled holds nothing up any more.
  openingSql: (timeoutMs) =>
    `SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = ${Math.max(1, Math.ceil(timeoutMs))}`,
  timeoutState: '57014',
  sizesOf: 'events',
  sizes: (table) => ({
    text: `SELECT sum(pg_catalog.pg_total_relation_size(relid)) AS total_bytes,
        sum(pg_catalog.pg_table_size(relid)) AS table_bytes, sum(pg_catalog.pg_indexes_size(relid)) AS index_bytes
      FROM (${TREE_SQL}) AS tree`,
    values: [table],
  }),
  indexes: (table) => ({
    text: `SELECT made.relname AS name, owner.relname AS table_name, i.indisunique AS is_unique,
        i.indisvalid AND i.indisready AS is_valid, coalesce(used.idx_scan, 0) AS scans,
        pg_catalog.pg_relation_size(i.indexrelid) AS bytes
      FROM (${TREE_SQL}) AS tree
      JOIN pg_catalog.pg_index i ON i.indrelid = tree.relid
      JOIN pg_catalog.pg_class made ON made.oid = i.indexrelid
      JOIN pg_catalog.pg_class owner ON owner.oid = i.indrelid
      LEFT JOIN pg_catalog.pg_stat_all_indexes used ON used.indexrelid = i.indexrelid
      -- Of a table that is split, what is read is in its parts.
      WHERE owner.relkind <> 'p' ORDER BY owner.relname, made.relname`,
    values: [table],
  }),
};
