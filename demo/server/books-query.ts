/**
 * Reads the warehouse's books: what anybody with the database's address could ask in SQL.
 *
 * @module
 */
import type { NodeHostContext } from 'daybook/node';
import type { BooksRow, BooksRowKind, BooksView } from '../books-view.ts';
import { countOriginatorId, ITEM_COUNTED, RECOUNT_ASKED, RECOUNT_DONE, recountOriginatorId } from '../stock-events.ts';
import type { ItemCountedData, RecountAskedData, RecountDoneData } from '../stock-events.ts';

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
     SELECT notification_id AS position, originator_id AS "originatorId", topic, convert_from(state, 'UTF8')::json AS data
     FROM ${APPLICATION_NAME}_events WHERE topic = ANY($1) ORDER BY notification_id DESC LIMIT $2
   ) AS latest) AS rows`;

// The state of a row has the event's own fields, and beside them `timestamp` and `metadata_`, which the page has no use
// for. Rows of the demo's first version have no such fields.
interface LatestRow {
  readonly position: number;
  readonly originatorId: string;
  readonly topic: string;
  readonly data: ItemCountedData & RecountAskedData & RecountDoneData;
}

type RowContent = Pick<BooksRow, 'kind' | 'quantity' | 'countedAt'>;

const CONTENT: Readonly<Record<string, (data: LatestRow['data']) => RowContent>> = {
  [ITEM_COUNTED]: ({ quantity, countedAt }) => content('counted', quantity, countedAt),
  [RECOUNT_ASKED]: ({ countedQuantity, askedAt }) => content('recount-asked', countedQuantity, askedAt),
  [RECOUNT_DONE]: ({ quantity, doneAt }) => content('recount-done', quantity, doneAt),
};

/** The newest rows, at most `limit`, and the figures of all. */
export async function readBooks(pool: Pool, limit: number): Promise<BooksView> {
  const { rows } = await pool.query(BOOKS_SQL, [Object.keys(CONTENT), limit]);
  const answer = rows[0] as { total: unknown; distinct_total: unknown; devices: string[]; rows: LatestRow[] };
  return {
    total: Number(answer.total),
    distinctTotal: Number(answer.distinct_total),
    devices: answer.devices.length,
    rows: answer.rows.flatMap((row) => booksRow(row, answer.devices)),
  };
}

function booksRow({ position, originatorId, topic, data }: LatestRow, devices: readonly string[]): readonly BooksRow[] {
  const { sku, name } = data;
  // The table has no column for the device. An item's aggregates are named after the device, so it can be found again.
  const deviceId = devices.find((device) => {
    const countId = countOriginatorId(device, sku);
    return originatorId === countId || originatorId === recountOriginatorId(countId);
  });
  const known = CONTENT[topic]?.(data);
  return known === undefined ? [] : [{ position, deviceId, name, ...known }];
}

function content(kind: BooksRowKind, quantity: number, countedAt: string): RowContent {
  return { kind, quantity, countedAt };
}
