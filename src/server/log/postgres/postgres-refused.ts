/**
 * The statements of what a log in PostgreSQL keeps for its operators.
 *
 * @module
 */
import { toHex } from '../../../persistence/sha256.js';
import { storableText } from '../../../persistence/storable-text.js';
import { packLostUnits, packPendingUnits } from '../../../persistence/unit-batch.js';
import { editionOf } from '../../../persistence/unit-edition.js';
import { REASON_LENGTH_MAX } from '../log-rows.js';
import type { RejectedRow, SetAsideRow } from '../log-storage.js';
import { DUE } from '../waiting-offers.js';
import type { LogTables } from './log-tables.js';

const SET_ASIDE_COLUMNS = `encode(s.unit, 'hex') AS unit, s.code, s.message, s.offered_by, s.offered_at_ms,
  s.awaits::text AS awaits`;

/** Statements about the operator's list. */
export interface RefusedStatements {
  readonly insertRefused: string;
  readonly deleteRefused: string;
  readonly insertSetAside: string;
  readonly deleteSetAside: string;
  readonly setAsideByIds: string;
  readonly due: string;
  readonly awaiting: string;
  readonly makeDue: string;
  readonly deleteOldRefused: string;
  readonly trimRefused: string;
  readonly refusedAfter: string;
  readonly refusedByIds: string;
}

export function refusedStatements({ units, setAside, refused }: LogTables): RefusedStatements {
  /** Of either table as many as are asked for, so that an index finds them. */
  const list = (which: (id: string) => string): string => `SELECT * FROM (
      (SELECT s.unit_id::text AS unit_id, 'offered' AS kind, encode(s.unit, 'hex') AS unit, s.code, s.message,
          s.offered_by AS subject, '' AS replica, s.offered_at_ms AS at_ms
        FROM ${setAside} s WHERE ${which('s.unit_id')}
          AND NOT EXISTS (SELECT FROM ${units} u WHERE u.unit_id = s.unit_id AND u.position IS NOT NULL)
        ORDER BY s.unit_id LIMIT $2)
      UNION ALL
      (SELECT r.unit_id::text, 'rejected', encode(r.unit, 'hex'), u.code, u.message, u.author, u.replica, u.recorded_at_ms
        FROM ${refused} r JOIN ${units} u ON u.unit_id = r.unit_id
        WHERE ${which('r.unit_id')} AND u.position IS NULL
          AND NOT EXISTS (SELECT FROM ${setAside} s WHERE s.unit_id = r.unit_id)
        ORDER BY r.unit_id LIMIT $2)
    ) AS l ORDER BY l.unit_id::uuid LIMIT $2`;
  return {
    insertRefused: `INSERT INTO ${refused} (unit_id, unit, bytes, refused_at_ms)
      SELECT n.unit_id, decode(n.unit, 'hex'), n.bytes, n.refused_at_ms
      FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) AS n (unit_id, unit, bytes, refused_at_ms)`,
    deleteRefused: `DELETE FROM ${refused} WHERE unit_id = ANY($1::uuid[])`,
    insertSetAside: `INSERT INTO ${setAside} (unit_id, unit, code, message, offered_by, offered_at_ms, edition, awaits)
      SELECT n.unit_id, decode(n.unit, 'hex'), n.code, n.message, n.offered_by, n.offered_at_ms, n.edition, n.awaits
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::uuid[], $8::uuid[])
        AS n (unit_id, unit, code, message, offered_by, offered_at_ms, edition, awaits)`,
    // Here and below, each by itself, so that an index finds it.
    setAsideByIds: `SELECT ${SET_ASIDE_COLUMNS} FROM unnest($1::uuid[]) AS k (id)
      CROSS JOIN LATERAL (SELECT * FROM ${setAside} WHERE unit_id = k.id LIMIT 1) AS s`,
    due: `WITH RECURSIVE chain AS (
        (SELECT unit_id, edition, octet_length(unit) AS bytes FROM ${setAside} WHERE awaits = '${DUE}' LIMIT $1)
        UNION
        SELECT n.unit_id, n.edition, n.bytes FROM chain AS c CROSS JOIN LATERAL (
          SELECT unit_id, edition, octet_length(unit) AS bytes FROM ${setAside} WHERE awaits = c.edition OFFSET 0) AS n
      ), first AS (SELECT unit_id, bytes FROM chain LIMIT $1)
      SELECT ${SET_ASIDE_COLUMNS} FROM (SELECT unit_id, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes AS before FROM first) AS f
      CROSS JOIN LATERAL (SELECT * FROM ${setAside} WHERE unit_id = f.unit_id LIMIT 1) AS s WHERE f.before < $2`,
    awaiting: `SELECT s.unit_id::text AS unit_id FROM unnest($1::uuid[]) AS k (id)
      CROSS JOIN LATERAL (SELECT unit_id FROM ${setAside} WHERE awaits = k.id OFFSET 0) AS s`,
    makeDue: `UPDATE ${setAside} SET awaits = '${DUE}' WHERE unit_id = ANY($1::uuid[])`,
    deleteSetAside: `DELETE FROM ${setAside} WHERE unit_id = ANY($1::uuid[])`,
    deleteOldRefused: `DELETE FROM ${refused} WHERE refused_at_ms < $1`,
    // Of the oldest ones beyond so many bytes.
    trimRefused: `UPDATE ${refused} SET unit = NULL, bytes = 0 WHERE unit IS NOT NULL AND unit_id IN (
      SELECT t.unit_id FROM (
        SELECT unit_id, sum(bytes) OVER (ORDER BY refused_at_ms DESC, unit_id) AS total FROM ${refused}
      ) AS t WHERE t.total > $1)`,
    refusedAfter: list((id) => `${id} > $1::uuid`),
    refusedByIds: list((id) => `${id} = ANY($1::uuid[])`),
  };
}

export function setAsideColumns(rows: readonly SetAsideRow[]): unknown[] {
  return [
    rows.map(({ unit }) => unit.id),
    rows.map(({ unit }) => toHex(packLostUnits([unit]))),
    rows.map(({ code }) => storableText(code, REASON_LENGTH_MAX)),
    rows.map(({ message }) => storableText(message, REASON_LENGTH_MAX)),
    rows.map(({ offeredBy }) => offeredBy),
    rows.map(({ offeredAtMs }) => offeredAtMs),
    rows.map(({ unit }) => editionOf(unit)),
    rows.map(({ awaits }) => awaits ?? null),
  ];
}

export function refusedColumns(rows: readonly RejectedRow[]): unknown[] {
  return [
    rows.map(({ id }) => id),
    rows.map(({ unit }) => (unit === undefined ? null : toHex(packPendingUnits([unit])))),
    rows.map(({ unit }) =>
      (unit?.events ?? []).reduce((sum, { topic, state }) => sum + topic.length + state.length, 0),
    ),
    rows.map(({ recordedAtMs }) => recordedAtMs),
  ];
}
