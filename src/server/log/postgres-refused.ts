/**
 * The statements of what a log in PostgreSQL keeps for its operators.
 *
 * @module
 */
import { toSafeInteger } from '../../persistence/postgres/postgres-rows.js';
import { toHex } from '../../persistence/sha256.js';
import type { SqlRow } from '../../persistence/sql/sql-queryable.js';
import { packPendingUnits, unpackLostUnits, unpackPendingUnits } from '../../persistence/unit-batch.js';
import type { RejectedRow } from './log-storage.js';
import type { LogTables } from './log-tables.js';
import { textOf } from './text-of.js';
import type { RefusedUnit } from './unit-log.js';

/** Statements about the operator's list. */
export interface RefusedStatements {
  readonly insertRefused: string;
  readonly deleteRefused: string;
  readonly deleteSetAside: string;
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

export function toRefusedUnit(row: SqlRow): RefusedUnit {
  const { unit, kind } = row;
  const unpack = kind === 'offered' ? unpackLostUnits : unpackPendingUnits;
  return {
    id: textOf(row, 'unit_id'),
    kind: kind === 'offered' ? 'offered' : 'rejected',
    unit: typeof unit === 'string' ? unpack(fromHex(unit))[0] : undefined,
    ...{ code: textOf(row, 'code'), message: textOf(row, 'message') },
    ...{ subject: textOf(row, 'subject'), replicaId: textOf(row, 'replica'), atMs: toSafeInteger(row, 'at_ms') },
  };
}

export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
