import { Application, OutboxWorker } from 'daybook/application';
import type { Publish } from 'daybook/application';
import { Order } from './order.js';
import type { OrdersEngine } from './orders-engine.js';
import type { OrdersView } from './orders-view.js';

/** The orders, with all that runs beside them. */
export interface Orders {
  readonly app: Application;
  readonly view: OrdersView;
  readonly worker: OutboxWorker;
  // Not by `await using`: this runs in browsers too, of which not all can.
  close(): Promise<void>;
}

/** Starts the application, its read model, and what publishes its events. */
export async function openOrders(engine: OrdersEngine, publish: Publish): Promise<Orders> {
  const { recorder, outbox } = engine;
  const app = new Application({
    name: 'orders',
    recorder,
    aggregates: [Order],
    snapshots: { store: engine.snapshots, interval: 100 },
    // What is published is written down in the transaction of the events.
    inline: [outbox],
  });
  const view = engine.view(app);
  await view.runner.start();
  const worker = new OutboxWorker({ outbox, publish });
  worker.start();
  return {
    app,
    view,
    worker,
    async close() {
      await worker.close();
      await view.runner.close();
    },
  };
}
