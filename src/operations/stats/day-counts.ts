import { DatabaseError } from '../../persistence/errors.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import { detailOf, TOO_LONG } from '../reading/bounded-reads.js';
import type { BoundedReads } from '../reading/bounded-reads.js';

const DAY_MS = 86_400_000;
const OWNERS_TABLE = 'daybook_logs';

/** Events of one day. */
export interface DayCount {
  /** As in ISO 8601, by UTC: `2026-11-30`. */
  readonly day: string;
  /** Those that occurred on it, by the clock of who recorded them. */
  readonly events: number;
}

/** The event index of a log, as SQL; `undefined` where there is none, or where it is that of another log. */
export async function findIndexOfLog(
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

/** Counts the events of the last days, the present one first. */
export async function countDays(
  reads: BoundedReads,
  index: string,
  { days, nowMs }: { readonly days: number; readonly nowMs: number },
): Promise<readonly DayCount[]> {
  const today = Math.floor(nowMs / DAY_MS);
  const counts: DayCount[] = [];
  for (let day = today; day > today - days; day--) {
    const [row] = await reads.rows({
      text: `SELECT count(*) AS events FROM ${index} WHERE occurred_at_ms >= $1 AND occurred_at_ms < $2`,
      values: [day * DAY_MS, (day + 1) * DAY_MS],
    });
    counts.push({ day: new Date(day * DAY_MS).toISOString().slice(0, 10), events: Number(row?.['events']) });
  }
  return counts;
}
