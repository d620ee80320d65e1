import { Aggregate, CommandError, event } from 'daybook/application';

/** What can happen to an order. */
export const orderEvents = {
  OrderCreated: event<{ customerId: string; total: number }>(),
  LineAdded: event<{ article: string; price: number }>(),
  OrderShipped: event<{ trackingNumber: string }>(),
};

/** An order. */
export class Order extends Aggregate.of('Order', orderEvents) {
  status: 'draft' | 'created' | 'shipped' = 'draft';
  customerId = '';
  total = 0;
  lines = 0;
  trackingNumber = '';

  constructor(id: string) {
    super(id);
    // One way to handle an event: a function that is registered for it. It is asked first.
    this.when('OrderCreated', ({ customerId, total }) => {
      this.status = 'created';
      this.customerId = customerId;
      this.total = total;
    });
  }

  create(customerId: string, total: number): void {
    if (this.version > 0) throw new CommandError('The order exists already.');
    this.apply('OrderCreated', { customerId, total });
  }

  addLine(article: string, price: number): void {
    if (this.status !== 'created') throw new CommandError(`No line can be added to an order that is ${this.status}.`);
    this.apply('LineAdded', { article, price });
  }

  ship(trackingNumber: string): void {
    if (this.status !== 'created') throw new CommandError(`An order that is ${this.status} cannot be shipped.`);
    this.apply('OrderShipped', { trackingNumber });
  }

  // The other way: a method that is named after the event.
  onLineAdded({ price }: { price: number }): void {
    this.lines += 1;
    this.total += price;
  }

  onOrderShipped({ trackingNumber }: { trackingNumber: string }): void {
    this.status = 'shipped';
    this.trackingNumber = trackingNumber;
  }
}
