/**
 * The read model of the page, in tables of the store itself: who counted what, and when.
 *
 * When counts of others come, and counts of this device have to make way, what these have changed in the tables is taken
 * back by itself: there are no handlers for that here. How far an entry has come is not in the tables, because no event
 * says it: it is asked for when they are read (stock-standings.ts).
 *
 * @module
 */
import type { SqlQueryable } from 'daybook';
import { sqlProjection } from 'daybook/application';
import type { EventOf, NotifiedEvent, SqlView } from 'daybook/application';
import { recountTask } from './recount-task-decider.js';
import type { Counter } from './stock-events.js';
import { stockItem } from './stock-item-decider.js';

/** An event of the demo, as it was recorded. */
export type StockEvent = NotifiedEvent<EventOf<typeof stockItem> | EventOf<typeof recountTask>>;

/** What every entry has. */
interface EntryBase {
  readonly notificationId: number;
  readonly sku: string;
  readonly name: string;
  readonly at: Date;
  /** Undefined in what was recorded before a count said who made it. */
  readonly by: Counter | undefined;
}

/** What somebody did at a shelf. */
export type StockEntry = EntryBase &
  (
    | { readonly kind: 'counted'; readonly quantity: number; readonly previousQuantity: number }
    | { readonly kind: 'stepped'; readonly quantity: number; readonly previousQuantity: number }
    | { readonly kind: 'recount-asked'; readonly expectedQuantity: number; readonly countedQuantity: number }
    | { readonly kind: 'recount-done'; readonly quantity: number }
  );

/** What is read of the tables at once. */
export interface EntriesView {
  /** Newest first. */
  readonly entries: readonly StockEntry[];
  /** For each item that there is an entry of, the id of the last one. */
  readonly lastIds: ReadonlyMap<string, number>;
}

/** The tables. */
export type EntryTable = 'stock_entries' | 'stock_last_entries';

/** Keeps {@link EntriesView} in SQL. */
export const stockEntries = sqlProjection({
  name: 'stock-entries',
  from: [stockItem, recountTask],
  tables: {
    stock_entries: (table) => `CREATE TABLE ${table} (
      notification_id INTEGER PRIMARY KEY,
      kind TEXT NOT NULL,
      sku TEXT NOT NULL,
      name TEXT NOT NULL,
      at TEXT NOT NULL,
      quantity INTEGER NOT NULL,
      previous_quantity INTEGER,
      device_id TEXT,
      device_name TEXT
    )`,
    stock_last_entries: (table) => `CREATE TABLE ${table} (sku TEXT PRIMARY KEY, notification_id INTEGER NOT NULL)`,
  },
  on: {
    Counted: (event, view) => insert(view, entryOf(event)),
    Stepped: (event, view) => insert(view, entryOf(event)),
    Asked: (event, view) => insert(view, entryOf(event)),
    Done: (event, view) => insert(view, entryOf(event)),
  },
});

/** What the page says of an event. */
export function entryOf(event: StockEvent): StockEntry {
  const { notificationId } = event;
  const { sku, name, countedBy: by } = event.data;
  const base = { notificationId, sku, name, by };
  switch (event.type) {
    case 'Counted': {
      const { quantity, previousQuantity, countedAt } = event.data;
      return { ...base, kind: 'counted', at: new Date(countedAt), quantity, previousQuantity };
    }
    case 'Stepped': {
      const { change, previousQuantity, countedAt } = event.data;
      const quantity = previousQuantity + change;
      return { ...base, kind: 'stepped', at: new Date(countedAt), quantity, previousQuantity };
    }
    case 'Asked': {
      const { expectedQuantity, countedQuantity, askedAt } = event.data;
      return { ...base, kind: 'recount-asked', at: new Date(askedAt), expectedQuantity, countedQuantity };
    }
    case 'Done':
      return { ...base, kind: 'recount-done', at: new Date(event.data.doneAt), quantity: event.data.quantity };
  }
}

async function insert({ query, tables }: SqlView<EntryTable>, entry: StockEntry): Promise<void> {
  const { notificationId, kind, sku, name, at, by } = entry;
  const [quantity, previousQuantity] = quantitiesOf(entry);
  await query(
    `INSERT INTO ${tables.stock_entries}
       (notification_id, kind, sku, name, at, quantity, previous_quantity, device_id, device_name)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      ...[notificationId, kind, sku, name, at.toISOString(), quantity, previousQuantity],
      ...[by?.deviceId ?? null, by?.name ?? null],
    ],
  );
  await query(
    `INSERT INTO ${tables.stock_last_entries} (sku, notification_id) VALUES ($1, $2)
     ON CONFLICT (sku) DO UPDATE SET notification_id = excluded.notification_id`,
    [sku, notificationId],
  );
}

function quantitiesOf(entry: StockEntry): readonly [quantity: number, previousQuantity: number | null] {
  if (entry.kind === 'recount-done') return [entry.quantity, null];
  if (entry.kind === 'recount-asked') return [entry.countedQuantity, entry.expectedQuantity];
  return [entry.quantity, entry.previousQuantity];
}

const ENTRIES_SQL = `SELECT notification_id, kind, sku, name, at, quantity, previous_quantity, device_id, device_name
  FROM stock_entries ORDER BY notification_id DESC LIMIT $1`;

/** Reads the read model by SQL, as anybody with a connection could. @param limit - entries, at most */
export async function readEntries(sql: SqlQueryable, limit: number): Promise<EntriesView> {
  const [entries, last] = await Promise.all([
    sql.query(ENTRIES_SQL, [limit]),
    sql.query('SELECT sku, notification_id FROM stock_last_entries'),
  ]);
  return {
    entries: entries.rows.map(entryOfRow),
    lastIds: new Map(last.rows.map((row) => [String(row['sku']), Number(row['notification_id'])])),
  };
}

function entryOfRow(row: Readonly<Record<string, unknown>>): StockEntry {
  const deviceId = row['device_id'];
  const base: EntryBase = {
    notificationId: Number(row['notification_id']),
    sku: String(row['sku']),
    name: String(row['name']),
    at: new Date(String(row['at'])),
    by: typeof deviceId === 'string' ? { deviceId, name: String(row['device_name']) } : undefined,
  };
  const quantity = Number(row['quantity']);
  const previousQuantity = Number(row['previous_quantity']);
  const kind = row['kind'] as StockEntry['kind'];
  if (kind === 'recount-done') return { ...base, kind, quantity };
  if (kind === 'recount-asked') {
    return { ...base, kind, expectedQuantity: previousQuantity, countedQuantity: quantity };
  }
  return { ...base, kind, quantity, previousQuantity };
}
