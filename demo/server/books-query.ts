/**
 * Reads the warehouse's books: what anybody with the database's address could ask in SQL.
 *
 * @module
 */
import type { NodeHostContext } from 'daybook/node';
import type { BooksRow, BooksView } from '../books-view.ts';
import { countOriginatorId, ITEM_COUNTED } from '../stock-events.ts';
import type { ItemCountedData } from '../stock-events.ts';

/** Names the tables. */
export const APPLICATION_NAME = 'stockcount';

/** Rows in one answer. */
export const BOOKS_ROWS_MAX = 500;

type Pool = NodeHostContext['pool'];

// All of one moment: rows that arrive between two statements would make the figures contradict each other.
const BOOKS_SQL = `
SELECT
  (SELECT count(*) FROM ${APPLICATION_NAME}_events) AS total,
  (SELECT count(DISTINCT (originator_id, originator_version)) FROM ${APPLICATION_NAME}_events) AS distinct_total,
  (SELECT coalesce(json_agg(DISTINCT application_name), '[]') FROM ${APPLICATION_NAME}_tracking) AS devices,
  (SELECT coalesce(json_agg(latest ORDER BY latest.position DESC), '[]') FROM (
     SELECT notification_id AS position, originator_id AS "originatorId", convert_from(state, 'UTF8')::json AS data
     FROM ${APPLICATION_NAME}_events WHERE topic = $1 ORDER BY notification_id DESC LIMIT $2
   ) AS latest) AS rows`;

interface LatestRow {
  readonly position: number;
  readonly originatorId: string;
  readonly data: ItemCountedData;
}

/** The newest rows, at most `limit`, and the figures of all. */
export async function readBooks(pool: Pool, limit: number): Promise<BooksView> {
  const { rows } = await pool.query(BOOKS_SQL, [ITEM_COUNTED, limit]);
  const answer = rows[0] as { total: unknown; distinct_total: unknown; devices: string[]; rows: LatestRow[] };
  return {
    total: Number(answer.total),
    distinctTotal: Number(answer.distinct_total),
    devices: answer.devices.length,
    rows: answer.rows.map((row) => booksRow(row, answer.devices)),
  };
}

function booksRow({ position, originatorId, data }: LatestRow, devices: readonly string[]): BooksRow {
  const { sku, name, quantity, countedAt } = data;
  // The table has no column for the device. An item's aggregate is named after the device, so it can be found again.
  const deviceId = devices.find((device) => countOriginatorId(device, sku) === originatorId);
  return { position, deviceId, name, quantity, countedAt };
}
