/**
 * What D1 takes, as Cloudflare's documentation says it. Their runtime on one's own machine takes larger rows: they are refused
 * here, so that a test refuses what production would.
 *
 * @module
 */
import { DataError, OperationalError, ProgrammingError, STATEMENT_REASON } from '../errors.js';
import type { StoredEvent } from '../stored-event.js';

/** Parameters of a statement. */
export const D1_PARAMETERS_MAX = 100;
/** Columns of a table. No table of Daybook's has more than 20. */
export const D1_COLUMNS_MAX = 100;
/** Bytes of a row, and of a value: 2 MB, taken for the smaller of what that may be. */
export const D1_ROW_BYTES_MAX = 2_000_000;
/** Bytes of a statement's text. */
export const D1_STATEMENT_BYTES_MAX = 100_000;
/** Statements that an invocation of a paid Worker may run; of a free one 50. */
export const D1_STATEMENTS_MAX = 1_000;

// Id, version and what SQLite needs for the row itself; an aggregate's id is a text of 36 bytes.
const EVENT_BYTES_BESIDE = 84;
// Of a unit of UTF-16: two of them take four.
const UTF8_BYTES_MAX = 3;

/** What D1 takes for a parameter. */
export type D1Value = string | number | boolean | null | Uint8Array;

/** A statement with plain placeholders (`?`), and their values. */
export interface D1Query {
  readonly sql: string;
  readonly values: readonly D1Value[];
}

/**
 * @throws OperationalError (`OPERATIONAL_ERROR`) when a statement has too many parameters, or too long a text
 * @throws DataError (`DATA_ERROR`) when a value could be no row's
 */
export function assertStatement({ sql, values }: D1Query): void {
  if (values.length > D1_PARAMETERS_MAX) {
    throw refused(`A statement of D1 has ${D1_PARAMETERS_MAX} parameters at the most, and this one ${values.length}`);
  }
  if (sql.length * UTF8_BYTES_MAX > D1_STATEMENT_BYTES_MAX && bytesOf(sql) > D1_STATEMENT_BYTES_MAX) {
    throw refused(
      `The text of a statement of D1 has ${D1_STATEMENT_BYTES_MAX} bytes at the most, and this one has more`,
    );
  }
  for (const value of values) {
    const type: string = typeof value;
    if (type === 'undefined' || type === 'bigint') {
      throw new ProgrammingError(`D1 takes no ${type} for a value. Nothing was stored.`);
    }
    if (bytesAtMost(value) <= D1_ROW_BYTES_MAX) continue;
    const bytes = bytesOf(value);
    if (bytes > D1_ROW_BYTES_MAX) throw tooLarge('A value', bytes, {});
  }
}

/** @throws OperationalError (`OPERATIONAL_ERROR`) when a batch has more statements than an invocation may run */
export function assertBatch(statements: number, statementsMax: number): void {
  if (statements <= statementsMax) return;
  throw refused(
    `A Worker may run ${statementsMax} statements of D1 in one invocation, and this takes ${statements} at once: record less in one call`,
    { statements, statementsMax },
  );
}

/** @throws DataError (`DATA_ERROR`) when an event makes a larger row than there may be */
export function assertStorableEvents(events: readonly StoredEvent[]): void {
  for (const { originatorId, originatorVersion, topic, state } of events) {
    if (state.byteLength + bytesAtMost(topic) + EVENT_BYTES_BESIDE <= D1_ROW_BYTES_MAX) continue;
    const bytes = state.byteLength + bytesOf(topic) + EVENT_BYTES_BESIDE;
    if (bytes <= D1_ROW_BYTES_MAX) continue;
    throw tooLarge(`Version ${originatorVersion} of ${originatorId}`, bytes, { originatorId, originatorVersion });
  }
}

/** Not fewer than it takes, and without a copy. */
function bytesAtMost(value: unknown): number {
  if (typeof value === 'string') return value.length * UTF8_BYTES_MAX;
  return value instanceof Uint8Array ? value.byteLength : 0;
}

function bytesOf(value: unknown): number {
  return typeof value === 'string' ? new TextEncoder().encode(value).byteLength : bytesAtMost(value);
}

function refused(what: string, details: Readonly<Record<string, number>> = {}): OperationalError {
  return new OperationalError(`${what}. Nothing was stored.`, { details: { reason: STATEMENT_REASON, ...details } });
}

function tooLarge(what: string, rowBytes: number, of: Readonly<Record<string, string | number>>): DataError {
  return new DataError(
    `${what} takes ${rowBytes} bytes, and a row of D1 ${D1_ROW_BYTES_MAX} at the most. Nothing was stored: compress it, or keep it elsewhere and record where.`,
    { details: { ...of, rowBytes, rowBytesMax: D1_ROW_BYTES_MAX } },
  );
}
