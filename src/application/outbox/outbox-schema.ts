/**
 * The table of the outbox.
 *
 * ```text
 * id                   names the entry
 * event_id …tenant_id  of the event, for those who look into the table
 * event_data           JSON, see outbox-event-data.ts
 * created_at           when it was written; for people, never to order by
 * published_at         when it was published
 * retry_count          failed attempts
 * last_error           what the last of them failed with
 * status               pending | published | failed
 * position             notification id: the order
 * lease_owner          names the claim that holds it
 * lease_until_ms       until then, by the clocks of the workers
 * next_attempt_at_ms   not before; 0 for at once
 * ```
 *
 * Ids are texts, because the ids of aggregates may be any texts. Times of leases and attempts are plain numbers, because
 * they come from the clocks of workers, and are compared with those.
 *
 * @module
 */
import { columnTypes } from '../../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../../persistence/sql/sql-dialect.js';
import type { Creation } from '../../persistence/sql/sql-names.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import { valueRows } from '../../persistence/sql/sql-parameters.js';

/** The columns in the order in which {@link insertSql} takes their values. */
const INSERTED = [
  'id',
  'event_id',
  'event_type',
  'aggregate_id',
  'aggregate_type',
  'tenant_id',
  'event_data',
  'created_at',
  'position',
] as const;

/** What an entry is read from. `event_data` as text: a library would parse JSON, and lose what JavaScript's numbers cannot hold. */
export const ENTRY_COLUMNS = `id, event_id, event_type, aggregate_id, aggregate_type, tenant_id,
  CAST(event_data AS TEXT) AS event_data, created_at, published_at, retry_count, last_error, status, position, next_attempt_at_ms`;

/** The statements that create the table and its indexes. */
export function outboxCreations(names: SqlTableName, dialect: SqlDialect): readonly Creation[] {
  const { name, table, index } = names;
  const { instant, json } = columnTypes(dialect);
  const createTable = `CREATE TABLE IF NOT EXISTS ${table} (
      id TEXT PRIMARY KEY NOT NULL,
      event_id TEXT NOT NULL,
      event_type TEXT NOT NULL,
      aggregate_id TEXT NOT NULL,
      aggregate_type TEXT NOT NULL,
      tenant_id TEXT,
      event_data ${json} NOT NULL,
      created_at ${instant} NOT NULL,
      published_at ${instant},
      retry_count INTEGER NOT NULL DEFAULT 0,
      last_error TEXT,
      status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'published', 'failed')),
      position BIGINT NOT NULL UNIQUE,
      lease_owner TEXT,
      lease_until_ms BIGINT,
      next_attempt_at_ms BIGINT NOT NULL DEFAULT 0
    )`;
  return [
    { name, sql: createTable },
    index('pending', `(position) WHERE status = 'pending'`),
    // What holds back the entries of an aggregate.
    index('open', `(aggregate_id, position) WHERE status <> 'published'`),
    index('leased', `(lease_owner) WHERE lease_owner IS NOT NULL`),
    index('published', `(published_at) WHERE status = 'published'`),
  ];
}

/** Parameters of an entry that is inserted. */
export const ENTRY_PARAMETERS: number = INSERTED.length;

/** Inserts several entries at once; says the positions of those that were free. */
export function insertSql(names: SqlTableName, entries: number): string {
  return `INSERT INTO ${names.table} (${INSERTED.join(', ')}) VALUES ${valueRows(entries, INSERTED.length)}
    ON CONFLICT (position) DO NOTHING RETURNING position`;
}

/**
 * Leases entries: `$1` lease, `$2` until, `$3` now, `$4` the latest time that counts, `$5` how many.
 *
 * @param mayGoOut - a further condition on `entry`
 */
export function claimSql(names: SqlTableName, mayGoOut: string): string {
  return `UPDATE ${names.table} SET lease_owner = $1, lease_until_ms = $2 WHERE id IN (
      SELECT entry.id FROM ${names.table} entry
      WHERE entry.status = 'pending' AND ${mayGoOut} AND NOT EXISTS (
        SELECT 1 FROM ${names.table} held
        WHERE held.aggregate_id = entry.aggregate_id AND held.status <> 'published' AND (
          (held.lease_until_ms > $3 AND held.lease_until_ms <= $4)
          OR (held.position <= entry.position AND (
            held.status = 'failed' OR (held.next_attempt_at_ms > $3 AND held.next_attempt_at_ms <= $4)
          ))
        )
      )
      ORDER BY entry.position LIMIT $5
    ) RETURNING ${ENTRY_COLUMNS}`;
}

/**
 * When the first entry is due that nothing but time holds back, in the column `due`.
 *
 * @param mayGoOut - a further condition on `entry`
 */
export function nextDueSql(names: SqlTableName, mayGoOut: string): string {
  return `SELECT MIN(CASE WHEN COALESCE(entry.lease_until_ms, 0) > entry.next_attempt_at_ms
      THEN entry.lease_until_ms ELSE entry.next_attempt_at_ms END) AS due
    FROM ${names.table} entry
    WHERE entry.status = 'pending' AND ${mayGoOut} AND NOT EXISTS (
      SELECT 1 FROM ${names.table} held
      WHERE held.aggregate_id = entry.aggregate_id AND held.status <> 'published' AND held.position < entry.position
    )`;
}
