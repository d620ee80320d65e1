/**
 * What the SQLite of a Durable Object takes, as Cloudflare's documentation says it. Their runtime on one's own machine takes
 * larger rows: they are refused here, so that a test refuses what production would.
 *
 * @module
 */
import { DataError } from '../errors.js';
import type { SqliteValue } from '../sqlite/sqlite-driver.js';
import type { StoredEvent } from '../stored-event.js';

/** Parameters of a statement. What needs more is split. */
export const OBJECT_PARAMETERS_MAX = 100;
/** Columns of a table. No table of Daybook's has more than 20. */
export const OBJECT_COLUMNS_MAX = 100;
/** Bytes of a row, and of a value: 2 MB, taken for the smaller of what that may be. */
export const OBJECT_ROW_BYTES_MAX = 2_000_000;

// Id, aggregate and version, and what SQLite needs for the row itself.
const EVENT_BYTES_BESIDE = 64;
// Of a unit of UTF-16: two of them take four.
const UTF8_BYTES_MAX = 3;

/** @throws DataError (`DATA_ERROR`) when a value could be no row's */
export function assertStorable(values: readonly SqliteValue[]): void {
  for (const value of values) {
    if (bytesAtMost(value) <= OBJECT_ROW_BYTES_MAX) continue;
    const bytes = exactBytes(value);
    if (bytes > OBJECT_ROW_BYTES_MAX) throw tooLarge('A value', bytes, {});
  }
}

/** @throws DataError (`DATA_ERROR`) when an event makes a larger row than there may be */
export function assertStorableEvents(events: readonly StoredEvent[]): void {
  for (const { originatorId, originatorVersion, topic, state } of events) {
    if (state.byteLength + bytesAtMost(topic) + EVENT_BYTES_BESIDE <= OBJECT_ROW_BYTES_MAX) continue;
    const bytes = state.byteLength + exactBytes(topic) + EVENT_BYTES_BESIDE;
    if (bytes <= OBJECT_ROW_BYTES_MAX) continue;
    throw tooLarge(`Version ${originatorVersion} of ${originatorId}`, bytes, { originatorId, originatorVersion });
  }
}

/** Not fewer than it takes, and without a copy. */
function bytesAtMost(value: SqliteValue): number {
  if (typeof value === 'string') return value.length * UTF8_BYTES_MAX;
  return value instanceof Uint8Array ? value.byteLength : 0;
}

function exactBytes(value: SqliteValue): number {
  return typeof value === 'string' ? new TextEncoder().encode(value).byteLength : bytesAtMost(value);
}

function tooLarge(what: string, rowBytes: number, of: Readonly<Record<string, string | number>>): DataError {
  return new DataError(
    `${what} takes ${rowBytes} bytes, and a row of a Durable Object ${OBJECT_ROW_BYTES_MAX} at the most. Nothing was stored: compress it, or keep it elsewhere and record where.`,
    { details: { ...of, rowBytes, rowBytesMax: OBJECT_ROW_BYTES_MAX } },
  );
}
