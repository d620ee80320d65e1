import { DatabaseError } from '../../persistence/errors.js';
import { logName } from '../../persistence/sql/log-owner.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { unitLogBeside } from '../../persistence/sql/unit-log-beside.js';
import { detailOf, TOO_LONG } from '../reading/bounded-reads.js';
import type { BoundedReads } from '../reading/bounded-reads.js';

const DAY_MS = 86_400_000;
const OWNERS_TABLE = 'daybook_logs';

// Units of one statement.
const PART_UNITS = 50_000;

/** Events of one day. */
export interface DayCount {
  /** As in ISO 8601, by UTC: `2026-11-30`. */
  readonly day: string;
  /** Those of it, by the time that `daysBy` says. */
  readonly events: number;
}

/**
 * By which time days are counted: when events occurred, and when they were recorded, by the clock of who recorded them, both by
 * an event index; or when a synchronisation server took them in, by its own clock.
 */
export type DaysBy = 'occurredAt' | 'recordedAt' | 'server';

/** Where times are found. */
export interface DaySource {
  readonly by: DaysBy;
  /** As SQL: of the index, or of the units. */
  readonly table: string;
}

const INDEX_COLUMNS = { occurredAt: 'occurred_at_ms', recordedAt: 'recorded_at_ms' } as const;

/** The event index of a log, as SQL; `undefined` where there is none, or where it is that of another log. */
async function findIndexOfLog(
  reads: BoundedReads,
  index: SqlTableName,
  log: string | undefined,
): Promise<string | undefined> {
  try {
    await reads.rows({ text: `SELECT occurred_at_ms FROM ${index.table} LIMIT 1`, values: [] });
    if (log === undefined) return index.table;
    const owners = sqlTableName(OWNERS_TABLE, index.schema, { supportsSchemas: true });
    const [owner] = await reads.rows({ text: `SELECT log FROM ${owners.table} WHERE kept = $1`, values: [index.name] });
    return owner === undefined || owner['log'] === log ? index.table : undefined;
  } catch (error) {
    // It is not there, or not to be read by this role. What is really wrong shows with the other statements.
    if (error instanceof DatabaseError && detailOf(error, 'reason') !== TOO_LONG) return undefined;
    throw error;
  }
}

/**
 * Where the times of events are found.
 *
 * @param wanted - `undefined` for the index, and where there is none the log of a synchronisation server
 * @returns `undefined` where nothing knows them
 */
export async function findDaySource(
  reads: BoundedReads,
  recorder: SqlRecorder,
  { index, wanted }: { readonly index: SqlTableName; readonly wanted: DaysBy | undefined },
): Promise<DaySource | undefined> {
  if (wanted !== 'server') {
    const table = await findIndexOfLog(reads, index, await logName(recorder));
    if (table !== undefined) return { by: wanted ?? 'occurredAt', table };
    if (wanted !== undefined) return undefined;
  }
  const log = await unitLogBeside(recorder);
  return log && { by: 'server', table: log.units };
}

/** Counts the events of the last days, the present one first. */
export async function countDays(
  reads: BoundedReads,
  { by, table }: DaySource,
  { days, nowMs }: { readonly days: number; readonly nowMs: number },
): Promise<readonly DayCount[]> {
  const today = Math.floor(nowMs / DAY_MS);
  const range = Array.from({ length: days }, (_, back) => today - back);
  const counts = by === 'server' ? await countUnits(reads, table, range) : new Map<number, number>();
  if (by !== 'server') {
    const column = INDEX_COLUMNS[by];
    for (const day of range) {
      const [row] = await reads.rows({
        text: `SELECT count(*) AS events FROM ${table} WHERE ${column} >= $1 AND ${column} < $2`,
        values: [day * DAY_MS, (day + 1) * DAY_MS],
      });
      counts.set(day, Number(row?.['events']));
    }
  }
  return range.map((day) => ({
    day: new Date(day * DAY_MS).toISOString().slice(0, 10),
    events: counts.get(day) ?? 0,
  }));
}

/** Back from the end of the log, whose units have no index by time, until all of a part are older. */
async function countUnits(reads: BoundedReads, units: string, range: readonly number[]): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  const [end] = await reads.rows({ text: `SELECT max(position) AS position FROM ${units}`, values: [] });
  const fromMs = (range.at(-1) ?? Infinity) * DAY_MS;
  for (let upTo = Number(end?.['position'] ?? 0); upTo > 0 && range.length > 0; upTo -= PART_UNITS) {
    // A whole number is cut to days alike on both engines.
    const rows = await reads.rows({
      text: `SELECT recorded_at_ms / ${DAY_MS} AS day, sum(count) AS events FROM ${units}
        WHERE position > $1 AND position <= $2 AND recorded_at_ms >= $3 GROUP BY recorded_at_ms / ${DAY_MS}`,
      values: [upTo - PART_UNITS, upTo, fromMs],
    });
    for (const row of rows) {
      const day = Number(row['day']);
      counts.set(day, (counts.get(day) ?? 0) + Number(row['events']));
    }
    if (rows.length === 0) break;
  }
  return counts;
}
