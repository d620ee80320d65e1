import type { ProcessRecorder } from 'daybook';
import { Application } from 'daybook/application';
import { Order } from './order.js';

/** A store to run the example on. */
export interface ExampleStore {
  readonly recorder: ProcessRecorder;
  /** Creates what is missing. */
  readonly createSchema: () => Promise<void>;
  /** How the pool of connections stands. An engine in the same process has none. */
  readonly poolStatistics?: () => { readonly size: number; readonly inUse: number; readonly overflow: number };
  readonly close: () => Promise<void>;
}

/** An engine, and how to open a store of it. */
export interface ExampleEngine {
  /** For headings: `PostgreSQL`. */
  readonly name: string;
  readonly open: () => Promise<ExampleStore>;
}

const RULE = '='.repeat(70);

/** Creates an order, ships it, and reads it back, saying each step. */
export async function completeExample(
  { name, open }: ExampleEngine,
  print: (line: string) => void = console.log,
): Promise<void> {
  print(RULE);
  print(`Tutorial 11: ${name} Event Store`);
  print(RULE);

  print(`\n1. Creating ${name} event store...`);
  const { recorder, createSchema, poolStatistics, close } = await open();
  try {
    print('2. Setting up database schema...');
    await createSchema();
    print('Database schema created successfully!');

    print('3. Creating aggregate repository...');
    const app = new Application({ name: 'tutorial', recorder, aggregates: [Order] });

    print('\n4. Creating an order...');
    const orderId = crypto.randomUUID();
    const order = new Order(orderId);
    order.create('customer-456', 299.99);
    await app.save(order);
    print(`   Order created: ${orderId}`);
    print(`   Version: ${order.version}`);
    print(`   Status: ${order.status}`);
    print(`   Customer: ${order.customerId}`);
    print(`   Total: $${order.total}`);

    print('\n5. Loading and shipping order...');
    const loaded = await app.repository.load(Order, orderId);
    loaded.ship('TRACK-123456');
    await app.save(loaded);
    print('   Order shipped!');
    print(`   Version: ${loaded.version}`);
    print(`   Status: ${loaded.status}`);
    print(`   Tracking: ${loaded.trackingNumber}`);

    print('\n6. Verifying persistence...');
    const verified = await app.repository.load(Order, orderId);
    print(`   Loaded order version: ${verified.version}`);
    print(`   Loaded status: ${verified.status}`);

    print(`\n7. Querying events from ${name}...`);
    const events = await app.repository.history(Order, orderId);
    print(`   Found ${events.length} events:`);
    for (const { originatorVersion, type } of events) print(`   - v${originatorVersion}: ${type}`);

    print('\n8. Connection pool statistics...');
    const pool = poolStatistics?.();
    if (pool === undefined) {
      print('   No pool: the store is in this process.');
    } else {
      print(`   Pool size: ${pool.size}`);
      print(`   Checked out: ${pool.inUse}`);
      print(`   Overflow: ${pool.overflow}`);
    }

    print(`\n${RULE}`);
    print(`SUCCESS: ${name} event store is working!`);
    print(RULE);
  } finally {
    await close();
    print(poolStatistics === undefined ? '\nStore closed.' : '\nConnection pool disposed.');
  }
}
