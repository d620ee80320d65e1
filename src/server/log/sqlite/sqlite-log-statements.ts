/**
 * The statements of a log in SQLite. Each is answered from an index, however long the log is. Lists are one parameter each, as
 * JSON: ids as hex digits, places as pairs.
 *
 * @module
 */
import { DUE } from '../waiting-offers.js';
import type { SqliteLogTables } from './sqlite-log-tables.js';

// Of the gaps, these are looked at each time: the newest, and as many from somewhere, so that none is forgotten.
const GAPS_AT_ONCE = 100;

const UNIT_COLUMNS = [
  ...['unit_id', 'position', 'last_id', 'count', 'bytes', 'chain', 'is_commutative', 'scopes', 'after', 'edition'],
  ...['author', 'replica', 'recorded_at_ms'],
];

const UNIT_BLOBS: readonly string[] = ['unit_id', 'chain', 'after', 'edition'];

/** The texts of statements. */
export type SqliteLogStatements = Readonly<
  Record<
    | 'standing'
    | 'known'
    | 'ends'
    | 'owners'
    | 'chains'
    | 'units'
    | 'news'
    | 'unitsOfAggregate'
    | 'unitsOfEvents'
    | 'aggregates'
    | 'aggregatesAfter'
    | 'tail'
    | 'eventsIn'
    | 'append'
    | 'moveHead'
    | 'forget'
    | 'insertRejected'
    | 'unlist'
    | 'unlistOld'
    | 'trimListed'
    | 'insertGaps'
    | 'deleteGaps'
    | 'insertSetAside'
    | 'deleteSetAside'
    | 'setAsideByIds'
    | 'makeDue'
    | 'due'
    | 'refusedAfter'
    | 'refusedByIds',
    string
  >
>;

/** The statements of these tables. */
export function sqliteLogStatements(tables: SqliteLogTables, events: string): SqliteLogStatements {
  const { units, rejected, head, gaps, setAside } = tables;
  const unitColumns = (of: string): string => UNIT_COLUMNS.map((column) => `${of}.${column}`).join(', ');
  const setAsideColumns = 's.unit, s.code, s.message, s.offered_by, s.offered_at_ms, s.awaits';
  const eventColumns = 'e.notification_id, e.originator_id, e.originator_version, e.topic, e.state';
  // No two units share ids, so the one that ends next is the only one that can have it.
  const ownerOf = (
    event: string,
  ): string => `(SELECT CASE WHEN o.last_id - o.count < ${event} THEN coalesce(o.edition, o.unit_id) END
    FROM ${units} o WHERE o.last_id >= ${event} ORDER BY o.last_id LIMIT 1)`;
  const withOwner = (event: string): string =>
    `${units} u ON u.last_id = (SELECT o.last_id FROM ${units} o WHERE o.last_id >= ${event} ORDER BY o.last_id LIMIT 1)
      AND u.last_id - u.count < ${event}`;
  const listed = (list: string): string => `SELECT unhex(value) FROM json_each(${list})`;
  const refused = (which: (id: string) => string): string => `SELECT * FROM (
      SELECT * FROM (SELECT s.unit_id, 'offered' AS kind, s.unit, s.code, s.message, s.offered_by AS subject,
          '' AS replica, s.offered_at_ms AS at_ms
        FROM ${setAside} s WHERE ${which('s.unit_id')} AND NOT EXISTS (SELECT 1 FROM ${units} u WHERE u.unit_id = s.unit_id)
        ORDER BY s.unit_id LIMIT $2)
      UNION ALL
      SELECT * FROM (SELECT r.unit_id, 'rejected', r.unit, r.code, r.message, r.author, r.replica, r.recorded_at_ms
        FROM ${rejected} r WHERE ${which('r.unit_id')} AND r.bytes IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM ${setAside} s WHERE s.unit_id = r.unit_id)
        ORDER BY r.unit_id LIMIT $2)
    ) ORDER BY unit_id LIMIT $2`;
  const unitsFrom = `SELECT ${unitColumns('u')} FROM ${units} u WHERE u.position >= $1 ORDER BY u.position LIMIT $2`;
  // From one aggregate to the next, each by the index: however many events it has, and however many there are.
  const aggregatesFrom = (where: string): string => `WITH RECURSIVE found (id) AS (
      SELECT (SELECT e.originator_id FROM ${events} e ${where} ORDER BY e.originator_id LIMIT 1)
      UNION ALL
      SELECT (SELECT e.originator_id FROM ${events} e WHERE e.originator_id > found.id ORDER BY e.originator_id LIMIT 1)
      FROM found WHERE found.id IS NOT NULL
    ) SELECT found.id AS originator_id,
        (SELECT min(e.originator_version) FROM ${events} e WHERE e.originator_id = found.id) AS version
      FROM found WHERE found.id IS NOT NULL LIMIT $1`;
  return {
    standing: `SELECT h.position, h.chain, h.last_id,
      (SELECT coalesce(max(e.notification_id), 0) FROM ${events} e) AS max_id,
      (SELECT group_concat(g.first_id || '-' || g.last_id) FROM (
        SELECT * FROM (
          SELECT * FROM (SELECT first_id, last_id FROM ${gaps} ORDER BY first_id DESC LIMIT ${GAPS_AT_ONCE})
          UNION
          SELECT * FROM (SELECT first_id, last_id FROM ${gaps}
            WHERE first_id >= (SELECT abs(random() % (last_id + 1)) FROM ${head} WHERE id = 1)
            ORDER BY first_id LIMIT ${GAPS_AT_ONCE})
        ) ORDER BY first_id
      ) AS g WHERE EXISTS (SELECT 1 FROM ${events} e WHERE e.notification_id BETWEEN g.first_id AND g.last_id)) AS filled,
      (SELECT awaits FROM ${setAside} WHERE awaits IS NOT NULL ORDER BY awaits LIMIT 1) AS awaited
      FROM ${head} h WHERE h.id = 1`,
    known: `SELECT u.unit_id, u.position, NULL AS code, NULL AS message, u.author
      FROM json_each($1) k CROSS JOIN ${units} u ON u.unit_id = unhex(k.value)
      UNION ALL
      SELECT r.unit_id, NULL, r.code, r.message, r.author
      FROM json_each($1) k CROSS JOIN ${rejected} r ON r.unit_id = unhex(k.value)`,
    ends: `SELECT e.originator_id, e.originator_version AS version, ${ownerOf('e.notification_id')} AS unit_id
      FROM json_each($1) a CROSS JOIN ${events} e ON e.originator_id = unhex(a.value) AND e.originator_version = (
        SELECT max(l.originator_version) FROM ${events} l WHERE l.originator_id = unhex(a.value))`,
    owners: `SELECT (
        SELECT ${ownerOf('e.notification_id')} FROM ${events} e
        WHERE e.originator_id = unhex(a.value ->> 0) AND e.originator_version = a.value ->> 1
      ) AS unit_id FROM json_each($1) a ORDER BY a.key`,
    chains: `SELECT u.position, u.chain FROM json_each($1) p CROSS JOIN ${units} u ON u.position = p.value`,
    units: unitsFrom,
    news: `WITH found AS MATERIALIZED (${unitsFrom})
      SELECT ${unitColumns('found')}, ${eventColumns} FROM found LEFT JOIN ${events} e
        ON e.notification_id BETWEEN found.last_id - found.count + 1 AND found.last_id AND found.position > $1
        AND (SELECT sum(bytes) < $3 AND sum(count) < $2 FROM found WHERE position > $1)
      ORDER BY found.position, e.notification_id`,
    unitsOfAggregate: `SELECT DISTINCT ${unitColumns('u')} FROM (
        SELECT e.notification_id AS id FROM ${events} e
        WHERE e.originator_id = $1 AND e.originator_version > $2 AND e.originator_version <= $3
        ORDER BY e.originator_version LIMIT $4
      ) t CROSS JOIN ${withOwner('t.id')} ORDER BY u.position`,
    unitsOfEvents: `SELECT w.value AS id, ${unitColumns('u')} FROM json_each($1) w CROSS JOIN ${withOwner('w.value')}`,
    aggregates: aggregatesFrom(''),
    aggregatesAfter: aggregatesFrom('WHERE e.originator_id > $2'),
    tail: `SELECT t.version, ${unitColumns('u')} FROM (
        SELECT e.notification_id AS id, e.originator_version AS version FROM ${events} e
        WHERE e.originator_id = $1 AND e.originator_version >= $2 ORDER BY e.originator_version LIMIT $3
      ) t CROSS JOIN ${withOwner('t.id')} ORDER BY t.version`,
    eventsIn: `SELECT ${eventColumns} FROM json_each($1) r
      CROSS JOIN ${events} e ON e.notification_id BETWEEN r.value ->> 0 AND r.value ->> 1`,
    append: `INSERT INTO ${units} (${UNIT_COLUMNS.join(', ')})
      SELECT ${UNIT_COLUMNS.map((column, place) =>
        UNIT_BLOBS.includes(column) ? `unhex(n.value ->> ${place})` : `n.value ->> ${place}`,
      ).join(', ')} FROM json_each($1) n`,
    moveHead: `UPDATE ${head} SET position = $1, chain = unhex($2), last_id = $3 WHERE id = 1`,
    // Of an id that was refused, and whose very event was recorded beside the log since, what is there counts.
    forget: `DELETE FROM ${rejected} WHERE unit_id IN (${listed('$1')})`,
    insertRejected: `INSERT INTO ${rejected} (unit_id, code, message, author, replica, recorded_at_ms, bytes, unit)
      VALUES (unhex($1), $2, $3, $4, $5, $6, $7, $8)`,
    unlist: `UPDATE ${rejected} SET bytes = NULL, unit = NULL WHERE unit_id IN (${listed('$1')})`,
    unlistOld: `UPDATE ${rejected} SET bytes = NULL, unit = NULL WHERE bytes IS NOT NULL AND recorded_at_ms < $1`,
    // Of the oldest ones beyond so many bytes.
    trimListed: `UPDATE ${rejected} SET bytes = 0, unit = NULL WHERE unit IS NOT NULL AND unit_id IN (
      SELECT t.unit_id FROM (
        SELECT unit_id, sum(bytes) OVER (ORDER BY recorded_at_ms DESC, unit_id) AS total FROM ${rejected} WHERE bytes IS NOT NULL
      ) t WHERE t.total > $1)`,
    insertGaps: `INSERT INTO ${gaps} (first_id, last_id) SELECT value ->> 0, value ->> 1 FROM json_each($1)`,
    deleteGaps: `DELETE FROM ${gaps} WHERE first_id IN (SELECT value FROM json_each($1))`,
    insertSetAside: `INSERT INTO ${setAside} (unit_id, unit, code, message, offered_by, offered_at_ms, edition, awaits)
      VALUES (unhex($1), $2, $3, $4, $5, $6, unhex($7), unhex($8))`,
    deleteSetAside: `DELETE FROM ${setAside} WHERE unit_id IN (${listed('$1')})`,
    setAsideByIds: `SELECT ${setAsideColumns} FROM json_each($1) k CROSS JOIN ${setAside} s ON s.unit_id = unhex(k.value)`,
    makeDue: `UPDATE ${setAside} SET awaits = ${DUE_BLOB} WHERE awaits IN (${listed('$1')})`,
    due: `WITH RECURSIVE chain (unit_id, edition, bytes) AS (
        SELECT * FROM (SELECT unit_id, edition, length(unit) FROM ${setAside} WHERE awaits = ${DUE_BLOB} LIMIT $1)
        UNION
        SELECT n.unit_id, n.edition, length(n.unit) FROM chain CROSS JOIN ${setAside} n ON n.awaits = chain.edition
      ), first AS (SELECT unit_id, bytes FROM chain LIMIT $1)
      SELECT ${setAsideColumns} FROM (
        SELECT unit_id, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes AS before FROM first
      ) f CROSS JOIN ${setAside} s ON s.unit_id = f.unit_id WHERE f.before < $2`,
    refusedAfter: refused((id) => `${id} > unhex($1)`),
    refusedByIds: refused((id) => `${id} IN (${listed('$1')})`),
  };
}

const DUE_BLOB = `X'${DUE.replaceAll('-', '')}'`;
