/**
 * Reads the warehouse's books: what anybody with the database's address could ask in SQL.
 *
 * @module
 */
import type { NodeHostContext } from 'daybook/node';
import type { BooksRow, BooksRowKind, BooksView } from '../books-view.ts';
import { ITEM_COUNTED, ITEM_STEPPED, RECOUNT_ASKED, RECOUNT_DONE } from '../stock-events.ts';
import type { ItemCountedData, ItemSteppedData, RecountAskedData, RecountDoneData } from '../stock-events.ts';

/** Names the tables. */
export const APPLICATION_NAME = 'stockcount';

/** Rows in one answer. */
export const BOOKS_ROWS_MAX = 500;

type Pool = NodeHostContext['pool'];

// What the demo records takes a hundred bytes or two. Anybody can push larger ones, and nobody reads them here.
export const STATE_BYTES_MAX = 4_096;

// All of one moment: rows that arrive between two statements would make the figures contradict each other.
const BOOKS_SQL = `
SELECT
  (SELECT count(*) FROM ${APPLICATION_NAME}_events) AS total,
  (SELECT count(DISTINCT (originator_id, originator_version)) FROM ${APPLICATION_NAME}_events) AS distinct_total,
  (SELECT coalesce(json_agg(DISTINCT device), '[]') FROM (
     SELECT replica AS device FROM daybook_${APPLICATION_NAME}_units WHERE replica <> ''
     -- Books that were begun before there were units.
     UNION SELECT application_name FROM ${APPLICATION_NAME}_tracking
   ) AS known) AS devices,
  (SELECT coalesce(json_agg(latest ORDER BY latest.position DESC), '[]') FROM (
     SELECT notification_id AS position, topic,
       CASE WHEN octet_length(state) <= ${STATE_BYTES_MAX} THEN encode(state, 'base64') END AS state
     FROM ${APPLICATION_NAME}_events WHERE topic = ANY($1) ORDER BY notification_id DESC LIMIT $2
   ) AS latest) AS rows`;

/** A row as it is stored. Its state is whatever somebody pushed; null where that is too large. */
export interface LatestRow {
  readonly position: number;
  readonly topic: string;
  readonly state: string | null;
}

// The state of a row has the event's own fields, and beside them `timestamp` and `metadata_`, which the page has no use
// for. Rows of the demo's first versions do not say who counted.
type EventData = ItemCountedData & ItemSteppedData & RecountAskedData & RecountDoneData;

type RowContent = Pick<BooksRow, 'kind' | 'quantity' | 'countedAt'>;

const CONTENT: Readonly<Record<string, (data: EventData) => RowContent>> = {
  [ITEM_COUNTED]: ({ quantity, countedAt }) => content('counted', quantity, countedAt),
  [ITEM_STEPPED]: ({ change, countedAt }) => content('stepped', change, countedAt),
  [RECOUNT_ASKED]: ({ countedQuantity, askedAt }) => content('recount-asked', countedQuantity, askedAt),
  [RECOUNT_DONE]: ({ quantity, doneAt }) => content('recount-done', quantity, doneAt),
};

/** Of the events that are shown. */
export const CONTENT_TOPICS: readonly string[] = Object.keys(CONTENT);

/** What a database says. */
export interface BooksAnswer {
  readonly total: unknown;
  readonly distinct_total: unknown;
  readonly devices: readonly string[];
  readonly rows: readonly LatestRow[];
}

/** The newest rows, at most `limit`, and the figures of all. */
export async function readBooks(pool: Pool, limit: number): Promise<BooksView> {
  const { rows } = await pool.query(BOOKS_SQL, [CONTENT_TOPICS, limit]);
  return booksViewOf(rows[0] as unknown as BooksAnswer);
}

/** What the page is told of it. */
export function booksViewOf(answer: BooksAnswer): BooksView {
  return {
    total: Number(answer.total),
    distinctTotal: Number(answer.distinct_total),
    devices: answer.devices.length,
    rows: answer.rows.flatMap((row) => booksRow(row, answer.devices)),
  };
}

function booksRow(row: LatestRow, devices: readonly string[]): readonly BooksRow[] {
  const { position, topic } = row;
  const data = readData(row.state);
  // Somebody else's event must not take the books from everybody: it counts, and is not shown.
  if (data === undefined) return [];
  const known = CONTENT[topic]?.(data);
  if (known === undefined || !isContent(known)) return [];
  return [{ position, ...deviceOf(data, devices), name: data.name, ...known }];
}

// Whatever was pushed: who never sent anything has counted nothing, and a name is a text.
function deviceOf({ countedBy }: EventData, devices: readonly string[]): Pick<BooksRow, 'deviceId' | 'deviceName'> {
  const { deviceId, name } = (countedBy ?? {}) as { readonly deviceId?: unknown; readonly name?: unknown };
  const known = devices.find((device) => device === deviceId);
  return known === undefined || typeof name !== 'string' ? {} : { deviceId: known, deviceName: name };
}

function readData(state: string | null): EventData | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(state ?? '', 'base64'));
    const data = JSON.parse(text) as Partial<EventData> | null;
    return typeof data?.sku === 'string' && typeof data.name === 'string' ? (data as EventData) : undefined;
  } catch {
    return undefined;
  }
}

/** Of the types that the page shows, whatever was pushed. */
function isContent({ quantity, countedAt }: RowContent): boolean {
  return Number.isFinite(quantity) && typeof countedAt === 'string' && !Number.isNaN(Date.parse(countedAt));
}

function content(kind: BooksRowKind, quantity: number, countedAt: string): RowContent {
  return { kind, quantity, countedAt };
}
