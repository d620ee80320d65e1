import { Order } from './order.js';
import type { Orders } from './open-orders.js';
import type { OrderRow } from './orders-view.js';

/** Creates an order. */
export async function createOrder({ app }: Pick<Orders, 'app'>, orderId: string, customerId: string): Promise<void> {
  const order = new Order(orderId);
  order.create(customerId, 99);
  await app.save(order);
}

/** Adds many lines at once: one save, one transaction. */
export async function addLines({ app }: Pick<Orders, 'app'>, orderId: string, count: number): Promise<number> {
  const order = await app.repository.load(Order, orderId);
  for (let line = 0; line < count; line++) order.addLine('nails', 0.5);
  await app.save(order);
  return order.version;
}

/** Ships an order, and gives the line of the list that says so: read your writes. */
export async function shipOrder({ app, view }: Orders, orderId: string): Promise<OrderRow | undefined> {
  const order = await app.repository.load(Order, orderId);
  order.ship('TRACK-1');
  const events = await app.save(order);
  await view.runner.waitFor(events.at(-1)?.notificationId ?? 0);
  return await view.find(orderId);
}
