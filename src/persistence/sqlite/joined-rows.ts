/**
 * Many rows as a few values: for an engine that takes each column of each row with a call of its own.
 *
 * SQLite joins the states of many rows into one blob, and their numbers and topics into one text each. That takes about
 * 0.65 of the time of the calls, from some forty rows on; below, a query of this kind takes longer than it saves. So
 * the first {@link ROWS_APART} rows are read one by one, and only what follows is joined.
 *
 * @module
 */
import type { SqliteRow } from './sqlite-driver.js';

/** Rows that are read one by one before any are joined: most aggregates have no more. */
export const ROWS_APART = 32;
/** Rows that are joined at once: with those read apart, a usual page takes one query of each kind. */
export const ROWS_JOINED_MAX = 1_024;
// A larger state is read by itself, where its own bytes cost more than its row. With the number of rows, this bounds
// what SQLite's memory must hold, which never shrinks again.
const STATE_BYTES_JOINED_MAX = 4_096;

/** Joined rows, column by column. */
export interface JoinedRows {
  /** The values of the columns that were asked for beside those below. */
  readonly numbers: readonly (readonly number[])[];
  readonly topics: readonly string[];
  /** Views into one buffer; undefined where the state is to be read by itself. */
  readonly states: readonly (Uint8Array | undefined)[];
  /** All of them, one after another. */
  readonly originatorIds: Uint8Array;
}

/**
 * The query that joins the rows of another one.
 *
 * @param rows - a query of the columns that are joined, in order and with a LIMIT, which keeps the order
 * @param numbers - columns of integers
 * @param withIds - whether `originator_id` is joined too
 */
export function joinedSql(rows: string, numbers: readonly string[], withIds: boolean): string {
  // Of texts, SQLite takes the bytes as they are, and a blob as a text of the same bytes, in a database in UTF-8.
  return `SELECT json_group_array(topic), group_concat(length(state)),
      CAST(group_concat(state, '') FILTER (WHERE length(state) <= ${STATE_BYTES_JOINED_MAX}) AS BLOB),
      ${withIds ? `CAST(group_concat(originator_id, '') AS BLOB)` : 'NULL'},
      ${numbers.map((column) => `group_concat(${column})`).join(', ')} FROM (${rows})`;
}

/** Takes apart what {@link joinedSql} made. */
export function toJoinedRows(row: SqliteRow): JoinedRows {
  const [topics, lengths, states, originatorIds, ...numbers] = row;
  return {
    topics: JSON.parse(topics as string) as string[],
    states: splitStates((states as Uint8Array | null) ?? new Uint8Array(0), toNumbers(lengths as string | null)),
    originatorIds: (originatorIds as Uint8Array | null) ?? new Uint8Array(0),
    numbers: numbers.map((joined) => toNumbers(joined as string | null)),
  };
}

function splitStates(joined: Uint8Array, lengths: readonly number[]): (Uint8Array | undefined)[] {
  let at = 0;
  return lengths.map((length) => {
    if (length > STATE_BYTES_JOINED_MAX) return undefined;
    at += length;
    return joined.subarray(at - length, at);
  });
}

/** NULL is what SQLite makes of no rows. */
function toNumbers(joined: string | null): number[] {
  return joined === null ? [] : (JSON.parse(`[${joined}]`) as number[]);
}
