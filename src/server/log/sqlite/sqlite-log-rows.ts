/**
 * Rows of a log in SQLite, as they are written, and as they are read everywhere else.
 *
 * @module
 */
import { toHex } from '../../../persistence/sha256.js';
import type { SqlRow } from '../../../persistence/sql/sql-queryable.js';
import { bytesToUuid } from '../../../util/uuid-bytes.js';
import { toAfterHex } from '../log-rows.js';
import type { EventPlace, UnitRow } from '../log-storage.js';

const ID_COLUMNS: ReadonlySet<string> = new Set(['unit_id', 'edition', 'awaits', 'awaited', 'originator_id']);

/** Ids as texts, other bytes as hex digits, but for what an event holds. */
export function legible(row: SqlRow): SqlRow {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]): [string, unknown] => {
      if (column === 'is_commutative') return [column, value === 1];
      if (!(value instanceof Uint8Array) || column === 'state') return [column, value];
      return [column, ID_COLUMNS.has(column) ? bytesToUuid(value) : toHex(value)];
    }),
  );
}

/** An id as SQL reads it by `unhex`. */
export function hexOf(id: string): string {
  return id.replaceAll('-', '');
}

export function listOf(ids: readonly string[]): string {
  return JSON.stringify(ids.map(hexOf));
}

export function placesOf(places: readonly EventPlace[]): string {
  return JSON.stringify(
    places.map(({ originatorId, originatorVersion }) => [hexOf(originatorId), originatorVersion] as const),
  );
}

/** In the order of the columns. */
export function unitsOf(rows: readonly UnitRow[]): string {
  return JSON.stringify(
    rows.map((row) => [
      ...[hexOf(row.id), row.position, row.lastId, row.count, row.bytes, row.chain, row.isCommutative ? 1 : 0],
      row.scopes.length === 0 ? null : JSON.stringify(row.scopes),
      ...[toAfterHex(row.after), row.edition === undefined ? null : hexOf(row.edition)],
      ...[row.author, row.replicaId, row.recordedAtMs],
    ]),
  );
}
