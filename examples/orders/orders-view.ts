import type { SqlRecorder } from 'daybook';
import {
  memoryProjection,
  MemoryProjectionStore,
  ProjectionRunner,
  sqlProjection,
  SqlProjectionStore,
} from 'daybook/application';
import type { EventLog } from 'daybook/application';
import { Order } from './order.js';

/** One line of the list of orders. */
export interface OrderRow {
  readonly customerId: string;
  readonly total: number;
  readonly isShipped: boolean;
}

/** The list of orders, kept up to date by what is recorded. */
export interface OrdersView {
  readonly runner: Pick<ProjectionRunner<unknown>, 'start' | 'waitFor' | 'close'>;
  find(orderId: string): Promise<OrderRow | undefined>;
}

/** In a table `orders_view`, on every engine that has SQL. It goes on where it was when the program starts again. */
export function sqlOrdersView(log: EventLog, recorder: SqlRecorder): OrdersView {
  const projection = sqlProjection({
    name: 'orders-view',
    from: [Order],
    tables: {
      orders_view: (table) =>
        `CREATE TABLE ${table} (order_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, cents BIGINT NOT NULL,
           shipped INTEGER NOT NULL DEFAULT 0)`,
    },
    on: {
      OrderCreated: async ({ originatorId, data }, view) => {
        await view.query(`INSERT INTO ${view.tables.orders_view} (order_id, customer_id, cents) VALUES ($1, $2, $3)`, [
          originatorId,
          data.customerId,
          toCents(data.total),
        ]);
      },
      LineAdded: async ({ originatorId, data }, view) => {
        await view.query(`UPDATE ${view.tables.orders_view} SET cents = cents + $1 WHERE order_id = $2`, [
          toCents(data.price),
          originatorId,
        ]);
      },
      OrderShipped: async ({ originatorId }, view) => {
        await view.query(`UPDATE ${view.tables.orders_view} SET shipped = 1 WHERE order_id = $1`, [originatorId]);
      },
    },
  });
  const store = new SqlProjectionStore(recorder, projection);
  return {
    runner: new ProjectionRunner({ projection, store, log }),
    find: async (orderId) => {
      const { rows } = await recorder.query('SELECT * FROM orders_view WHERE order_id = $1', [orderId]);
      const [row] = rows;
      if (row === undefined) return undefined;
      const { customer_id: customerId, cents, shipped } = row;
      // PostgreSQL gives a BIGINT as text.
      return { customerId: String(customerId), total: Number(cents) / 100, isShipped: Number(shipped) === 1 };
    },
  };
}

/** In memory. It begins with the first event whenever the program starts. */
export function memoryOrdersView(log: EventLog): OrdersView {
  const projection = memoryProjection({
    name: 'orders-view',
    from: [Order],
    initialState: (): ReadonlyMap<string, OrderRow> => new Map(),
    on: {
      OrderCreated: (orders, { originatorId, data }) =>
        new Map(orders).set(originatorId, { ...data, isShipped: false }),
      LineAdded: (orders, { originatorId, data }) =>
        changed(orders, originatorId, (row) => ({ ...row, total: row.total + data.price })),
      OrderShipped: (orders, { originatorId }) => changed(orders, originatorId, (row) => ({ ...row, isShipped: true })),
    },
  });
  const store = new MemoryProjectionStore(projection);
  return {
    runner: new ProjectionRunner({ projection, store, log }),
    find: (orderId) => Promise.resolve(store.state.get(orderId)),
  };
}

function changed(
  orders: ReadonlyMap<string, OrderRow>,
  orderId: string,
  change: (row: OrderRow) => OrderRow,
): ReadonlyMap<string, OrderRow> {
  const row = orders.get(orderId);
  return row === undefined ? orders : new Map(orders).set(orderId, change(row));
}

function toCents(amount: number): number {
  return Math.round(amount * 100);
}
