import type { SqlRecorder } from 'daybook';
import { Application, ProjectionRunner, sqlProjection, SqlProjectionStore } from 'daybook/application';
import { stockItem } from './stock-item.js';

export const stockLevels = sqlProjection({
  name: 'stock-levels',
  from: [stockItem],
  tables: {
    stock_levels: (table) => `CREATE TABLE ${table} (item_id TEXT PRIMARY KEY, quantity BIGINT NOT NULL)`,
  },
  on: {
    Counted: async ({ originatorId, data }, { query, tables }) => {
      await query(
        `INSERT INTO ${tables.stock_levels} (item_id, quantity) VALUES ($1, $2)
         ON CONFLICT (item_id) DO UPDATE SET quantity = excluded.quantity`,
        [originatorId, data.quantity],
      );
    },
    Sold: async ({ originatorId, data }, { query, tables }) => {
      await query(`UPDATE ${tables.stock_levels} SET quantity = quantity - $1 WHERE item_id = $2`, [
        data.quantity,
        originatorId,
      ]);
    },
  },
});

/** Counts an item, and reads the level that follows from it. */
export async function countAndRead(recorder: SqlRecorder, itemId: string, quantity: number): Promise<number> {
  const app = new Application({ recorder, aggregates: [stockItem] });
  const store = new SqlProjectionStore(recorder, stockLevels);
  await using runner = new ProjectionRunner({ projection: stockLevels, store, log: app });
  await runner.start();

  const { notificationIds } = await app.execute(stockItem, itemId, { type: 'Count', data: { quantity } });
  await runner.waitFor(notificationIds.at(-1) ?? 0);
  const { rows } = await recorder.query('SELECT quantity FROM stock_levels WHERE item_id = $1', [itemId]);
  return Number(rows[0]?.['quantity']);
}
