/**
 * The statements of a log in PostgreSQL. Each is answered from an index, however long the log is.
 *
 * @module
 */
import type { SqlLog } from '../../../persistence/sql/sql-dialect.js';
import type { LogTables } from './log-tables.js';
import { refusedStatements } from './postgres-refused.js';
import type { RefusedStatements } from './postgres-refused.js';

// Of the gaps, these are looked at each time: the newest, and as many from somewhere, so that none is forgotten.
const GAPS_AT_ONCE = 100;
/** In the error of a log that is not as was hoped. */
export const NOT_AS_HOPED_MARK = 'daybook.not_as_hoped:';

/** The texts of statements. */
export interface Statements extends RefusedStatements {
  readonly lock: string;
  /** Those by which who writes takes its turn, one by one. */
  readonly turn: readonly string[];
  readonly hoped: string;
  readonly standing: string;
  readonly known: string;
  readonly view: string;
  readonly owners: string;
  readonly chains: string;
  readonly units: string;
  readonly news: string;
  readonly unitsOfAggregate: string;
  readonly unitsOfEvents: string;
  readonly aggregates: string;
  readonly aggregatesAfter: string;
  readonly tails: string;
  readonly eventsIn: string;
  readonly append: string;
  readonly forget: string;
  readonly insertRejected: string;
  readonly insertGaps: string;
  readonly deleteGaps: string;
}

/** The statements of these tables. */
export function statementsOf({ log, tables }: { readonly log: SqlLog; readonly tables: LogTables }): Statements {
  const { eventsTable, columns, originatorIdType: idType, lockSql } = log;
  const { originatorId, originatorVersion: version, notificationId: id, topic, state } = columns;
  const { units, head, gaps, setAside } = tables;
  // No two units share ids, so the one that ends next is the only one that can have it.
  const ownerOf = (
    event: string,
  ): string => `(SELECT CASE WHEN o.last_id - o.count < ${event} THEN coalesce(o.edition, o.unit_id) END
    FROM ${units} o WHERE o.last_id >= ${event} ORDER BY o.last_id LIMIT 1)`;
  const standing = `SELECT h.position, encode(h.chain, 'hex') AS chain, h.last_id,
    (SELECT coalesce(max(${id}), 0) FROM ${eventsTable}) AS max_id,
    (SELECT string_agg(g.first_id || '-' || g.last_id, ',' ORDER BY g.first_id) FROM (
      (SELECT first_id, last_id FROM ${gaps} ORDER BY first_id DESC LIMIT ${GAPS_AT_ONCE})
      UNION
      (SELECT first_id, last_id FROM ${gaps} WHERE first_id >= (SELECT (random() * last_id)::bigint FROM ${head} WHERE id = 1)
        ORDER BY first_id LIMIT ${GAPS_AT_ONCE})
    ) AS g WHERE EXISTS (SELECT FROM ${eventsTable} e WHERE e.${id} BETWEEN g.first_id AND g.last_id)) AS filled,
    (SELECT awaits FROM ${setAside} WHERE awaits IS NOT NULL ORDER BY awaits LIMIT 1)::text AS awaited
    FROM ${head} h WHERE h.id = 1`;
  const unitColumnsSql = `unit_id::text AS unit_id, position, last_id, count, bytes, encode(chain, 'hex') AS chain,
    is_commutative, scopes, encode(after, 'hex') AS after, edition::text AS edition, author, replica, recorded_at_ms`;
  const eventColumnsSql = `${id} AS notification_id, ${originatorId}::text AS originator_id, ${version} AS originator_version,
    ${topic} AS topic, ${state} AS state`;
  // From one aggregate to the next, each by the index: however many events it has, and however many there are.
  const aggregatesFrom = (where: string): string => `WITH RECURSIVE found AS (
      (SELECT e.${originatorId} AS id, e.${version} AS version FROM ${eventsTable} e ${where}
        ORDER BY e.${originatorId}, e.${version} LIMIT 1)
      UNION ALL
      SELECT n.id, n.version FROM found AS f CROSS JOIN LATERAL (
        SELECT e.${originatorId} AS id, e.${version} AS version FROM ${eventsTable} e WHERE e.${originatorId} > f.id
        ORDER BY e.${originatorId}, e.${version} LIMIT 1
      ) AS n
    ) SELECT id::text AS originator_id, version FROM found LIMIT $1`;
  const unitsFrom = `SELECT ${unitColumnsSql} FROM ${units} WHERE position >= $1 ORDER BY position LIMIT $2`;
  const knownColumns = 'u.unit_id::text AS unit_id, u.position, u.code, u.message, u.author';
  // Each by itself: asked for hundreds at once, PostgreSQL reads a table of some ten thousand as a whole.
  const known = `unnest($1::uuid[]) AS k (id) CROSS JOIN LATERAL (SELECT * FROM ${units} WHERE unit_id = k.id LIMIT 1) AS u`;
  return {
    standing,
    lock: `${lockSql};\n${standing} FOR UPDATE OF h`,
    turn: lockSql.split(';\n'),
    // The error, which takes back what is in the same message, carries the mark; made of what no plan can know.
    hoped: `SELECT CASE WHEN
        EXISTS (SELECT FROM ${head} h WHERE h.id = 1 AND h.position = $1 AND h.chain = decode($2, 'hex') AND h.last_id = $3)
        AND (SELECT coalesce(max(${id}), 0) FROM ${eventsTable}) = $3
        AND (SELECT awaits FROM ${setAside} WHERE awaits IS NOT NULL ORDER BY awaits LIMIT 1) IS NULL
        AND NOT EXISTS (SELECT FROM unnest($4::uuid[]) AS k (id) CROSS JOIN LATERAL (
          SELECT FROM ${units} WHERE unit_id = k.id LIMIT 1
        ) AS u)
        AND NOT EXISTS (SELECT FROM unnest($5::${idType}[], $6::bigint[], $7::uuid[]) AS a (id, version, edition)
          LEFT JOIN LATERAL (
            SELECT e.${id} AS id, e.${version} AS version FROM ${eventsTable} e
            WHERE e.${originatorId} = a.id ORDER BY e.${version} DESC LIMIT 1
          ) AS t ON true
          WHERE t.version IS DISTINCT FROM a.version OR (t.id IS NOT NULL AND ${ownerOf('t.id')} IS DISTINCT FROM a.edition))
        AND NOT EXISTS (SELECT FROM unnest($8::uuid[], $9::text[]) AS f (id, author) LEFT JOIN LATERAL (
          SELECT u.author FROM ${units} u WHERE u.unit_id = f.id LIMIT 1
        ) AS u ON true WHERE u.author IS DISTINCT FROM f.author)
      THEN 1 ELSE ('${NOT_AS_HOPED_MARK}' || coalesce((SELECT position FROM ${head} WHERE id = 1), 0))::integer END AS hoped`,
    known: `SELECT ${knownColumns} FROM ${known}`,
    view: `SELECT ${knownColumns}, NULL::text AS originator_id, NULL::bigint AS version
      FROM ${known}
      UNION ALL
      SELECT ${ownerOf('t.id')}::text, NULL, NULL, NULL, NULL, a.id::text, t.version
      FROM unnest($2::${idType}[]) AS a (id) CROSS JOIN LATERAL (
        SELECT e.${id} AS id, e.${version} AS version FROM ${eventsTable} e
        WHERE e.${originatorId} = a.id ORDER BY e.${version} DESC LIMIT 1
      ) AS t`,
    owners: `SELECT ${ownerOf('t.id')}::text AS unit_id
      FROM unnest($1::${idType}[], $2::bigint[]) WITH ORDINALITY AS a (id, version, place) LEFT JOIN LATERAL (
        SELECT e.${id} AS id FROM ${eventsTable} e
        WHERE e.${originatorId} = a.id AND e.${version} = a.version LIMIT 1
      ) AS t ON true ORDER BY a.place`,
    chains: `SELECT position, encode(chain, 'hex') AS chain FROM ${units} WHERE position = ANY($1::bigint[])`,
    units: unitsFrom,
    news: `WITH found AS MATERIALIZED (${unitsFrom})
      SELECT s.*, e.* FROM found s LEFT JOIN LATERAL (
        SELECT ${eventColumnsSql} FROM ${eventsTable}
        WHERE ${id} BETWEEN s.last_id - s.count + 1 AND s.last_id AND s.position > $1
          AND (SELECT sum(bytes) < $3 AND sum(count) < $2 FROM found WHERE position > $1)
      ) AS e ON true ORDER BY s.position, e.notification_id`,
    unitsOfAggregate: `SELECT DISTINCT ON (position) ${unitColumnsSql} FROM (
        SELECT e.${id} AS id FROM ${eventsTable} e
        WHERE e.${originatorId} = $1::${idType} AND e.${version} > $2 AND e.${version} <= $3 ORDER BY e.${version} LIMIT $4
      ) AS t CROSS JOIN LATERAL (
        SELECT * FROM ${units} o WHERE o.last_id >= t.id ORDER BY o.last_id LIMIT 1
      ) AS u WHERE u.last_id - u.count < t.id ORDER BY position`,
    unitsOfEvents: `SELECT w.id, ${unitColumnsSql} FROM unnest($1::bigint[]) AS w (id) CROSS JOIN LATERAL (
        SELECT * FROM ${units} o WHERE o.last_id >= w.id ORDER BY o.last_id LIMIT 1
      ) AS u WHERE u.last_id - u.count < w.id`,
    aggregates: aggregatesFrom(''),
    aggregatesAfter: aggregatesFrom(`WHERE e.${originatorId} > $2::${idType}`),
    tails: `SELECT a.place, t.version, ${unitColumnsSql}
      FROM unnest($1::${idType}[], $2::bigint[]) WITH ORDINALITY AS a (id, version, place) CROSS JOIN LATERAL (
        SELECT e.${id} AS id, e.${version} AS version FROM ${eventsTable} e
        WHERE e.${originatorId} = a.id AND e.${version} >= a.version ORDER BY e.${version} LIMIT $3
      ) AS t CROSS JOIN LATERAL (
        SELECT * FROM ${units} o WHERE o.last_id >= t.id ORDER BY o.last_id LIMIT 1
      ) AS u WHERE u.last_id - u.count < t.id ORDER BY a.place, t.version`,
    eventsIn: `SELECT e.* FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last) CROSS JOIN LATERAL (
        SELECT ${eventColumnsSql} FROM ${eventsTable} WHERE ${id} BETWEEN r.first AND r.last
      ) AS e`,
    append: `WITH added AS (
      INSERT INTO ${units}
        (unit_id, position, last_id, count, bytes, chain, is_commutative, scopes, after, edition, author,
         replica, recorded_at_ms)
      SELECT n.unit_id, n.position, n.last_id, n.count, n.bytes, decode(n.chain, 'hex'), n.is_commutative,
        ($10::text[])[n.scopes], decode(n.after, 'hex'), n.edition,
        ($11::text[])[n.origin], ($12::text[])[n.origin], ($13::bigint[])[n.origin]
      FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::integer[], $5::bigint[], $6::text[], $7::boolean[],
        $8::integer[], $9::text[], $14::integer[], $15::uuid[])
        AS n (unit_id, position, last_id, count, bytes, chain, is_commutative, scopes, after, origin, edition)
    ) UPDATE ${head} SET position = $16, chain = decode($17, 'hex'), last_id = $18 WHERE id = 1`,
    // Of an id that was refused, and whose very event was recorded beside the log since, what is there counts.
    forget: `DELETE FROM ${units} WHERE unit_id = ANY($1::uuid[]) AND position IS NULL`,
    insertRejected: `INSERT INTO ${units} (unit_id, code, message, author, replica, recorded_at_ms)
      SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])`,
    insertGaps: `INSERT INTO ${gaps} (first_id, last_id) SELECT * FROM unnest($1::bigint[], $2::bigint[])`,
    deleteGaps: `DELETE FROM ${gaps} WHERE first_id = ANY($1::bigint[])`,
    ...refusedStatements(tables),
  };
}
