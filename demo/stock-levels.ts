/**
 * The read model of the page, in tables of the store itself: what lies where, and what has to be counted again.
 *
 * @module
 */
import type { SqlQueryable } from 'daybook';
import { sqlProjection } from 'daybook/application';
import { recountTask } from './recount-task-decider.js';
import { stockItem } from './stock-item-decider.js';

/** Where the count of an item stands on this device. */
export interface StockLevel {
  readonly sku: string;
  readonly quantity: number;
  /** Counts so far. */
  readonly version: number;
  /** Notification id of the last count. */
  readonly notificationId: number;
  readonly countedAt: Date;
}

/** An item that has to be counted again. */
export interface OpenRecount {
  readonly sku: string;
  readonly name: string;
  readonly expectedQuantity: number;
  readonly countedQuantity: number;
  readonly askedAt: Date;
}

/** Everything at one moment. */
export interface StockView {
  readonly levels: readonly StockLevel[];
  /** The one that waits longest first. */
  readonly recounts: readonly OpenRecount[];
  /** Events that were taken in. */
  readonly entriesTotal: number;
}

/** Keeps {@link StockView} in SQL. */
export const stockLevels = sqlProjection({
  name: 'stock-levels',
  from: [stockItem, recountTask],
  tables: {
    stock_levels: (table) => `CREATE TABLE ${table} (
      sku TEXT PRIMARY KEY,
      quantity INTEGER NOT NULL,
      version INTEGER NOT NULL,
      notification_id INTEGER NOT NULL,
      counted_at TEXT NOT NULL
    )`,
    // A recount that is done stays, because its events count.
    recounts: (table) => `CREATE TABLE ${table} (
      sku TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      status TEXT NOT NULL,
      expected_quantity INTEGER NOT NULL,
      counted_quantity INTEGER NOT NULL,
      asked_at TEXT NOT NULL,
      notification_id INTEGER NOT NULL,
      version INTEGER NOT NULL
    )`,
  },
  on: {
    Counted: async ({ data, originatorVersion, notificationId }, { query, tables }) => {
      await query(
        `INSERT INTO ${tables.stock_levels} (sku, quantity, version, notification_id, counted_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (sku) DO UPDATE SET quantity = excluded.quantity, version = excluded.version,
           notification_id = excluded.notification_id, counted_at = excluded.counted_at`,
        [data.sku, data.quantity, originatorVersion, notificationId, data.countedAt],
      );
    },
    Asked: async ({ data, originatorVersion, notificationId }, { query, tables }) => {
      const { sku, name, expectedQuantity, countedQuantity, askedAt } = data;
      await query(
        `INSERT INTO ${tables.recounts}
           (sku, name, status, expected_quantity, counted_quantity, asked_at, notification_id, version)
         VALUES ($1, $2, 'asked', $3, $4, $5, $6, $7)
         ON CONFLICT (sku) DO UPDATE SET status = 'asked', expected_quantity = excluded.expected_quantity,
           counted_quantity = excluded.counted_quantity, asked_at = excluded.asked_at,
           notification_id = excluded.notification_id, version = excluded.version`,
        [sku, name, expectedQuantity, countedQuantity, askedAt, notificationId, originatorVersion],
      );
    },
    Done: async ({ data, originatorVersion }, { query, tables }) => {
      await query(`UPDATE ${tables.recounts} SET status = 'done', version = $1 WHERE sku = $2`, [
        originatorVersion,
        data.sku,
      ]);
    },
  },
});

const LEVELS_SQL = 'SELECT sku, quantity, version, notification_id, counted_at FROM stock_levels';
const RECOUNTS_SQL = `SELECT sku, name, status, expected_quantity, counted_quantity, asked_at, version
  FROM recounts ORDER BY notification_id`;

/** Reads the read model by SQL, as anybody with a connection could. */
export async function readStockView(sql: SqlQueryable): Promise<StockView> {
  const [levels, recounts] = await Promise.all([sql.query(LEVELS_SQL), sql.query(RECOUNTS_SQL)]);
  return {
    levels: levels.rows.map((row) => ({
      sku: String(row['sku']),
      quantity: Number(row['quantity']),
      version: Number(row['version']),
      notificationId: Number(row['notification_id']),
      countedAt: new Date(String(row['counted_at'])),
    })),
    recounts: recounts.rows
      .filter((row) => row['status'] === 'asked')
      .map((row) => ({
        sku: String(row['sku']),
        name: String(row['name']),
        expectedQuantity: Number(row['expected_quantity']),
        countedQuantity: Number(row['counted_quantity']),
        askedAt: new Date(String(row['asked_at'])),
      })),
    entriesTotal: [...levels.rows, ...recounts.rows].reduce((total, row) => total + Number(row['version']), 0),
  };
}
