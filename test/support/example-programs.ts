/**
 * The example programs as tests, for every engine: in Node and in browsers they are the same files.
 *
 * @module
 */
import type { ProcessRecorder, SqlRecorder } from 'daybook';
import type { OutboundMessage } from 'daybook/application';
import { describe, expect, test } from 'vitest';
import { createOwners, ownerOf, takeIn } from '../../examples/dog-school/owners-table.js';
import { schoolDay } from '../../examples/dog-school/school-day.js';
import { Dog, TrainingSchool } from '../../examples/dog-school/training-school.js';
import { addLines, createOrder, shipOrder } from '../../examples/orders/big-order.js';
import { completeExample } from '../../examples/orders/complete-example.js';
import type { ExampleEngine } from '../../examples/orders/complete-example.js';
import { openOrders } from '../../examples/orders/open-orders.js';
import { Order } from '../../examples/orders/order.js';
import type { OrdersEngine } from '../../examples/orders/orders-engine.js';
import type { UserDatabase } from '../../examples/users/user-database.js';
import { userDirectory } from '../../examples/users/user-directory.js';

/** Where the examples run. */
export interface ExampleHost {
  /** Opens a store of its own, which the test's end closes. */
  readonly openRecorder: () => Promise<ProcessRecorder>;
  /** The same for engines with SQL. */
  readonly openSql?: () => Promise<SqlRecorder>;
  readonly openOrdersEngine: () => Promise<OrdersEngine>;
  readonly completeExample: () => Promise<ExampleEngine>;
  readonly userDatabase: () => Promise<UserDatabase>;
}

/** Runs all of them. */
export function describeExamples(engine: string, host: ExampleHost): void {
  describe(engine, () => {
    test('the dog school teaches', async () => {
      const recorder = await host.openRecorder();
      expect(await schoolDay(recorder, 'Fido')).toEqual(['roll over', 'play dead']);
      // Another school finds the same dog: by its name, and by nothing else.
      expect(await new TrainingSchool(recorder).getTricks('Fido')).toEqual(['roll over', 'play dead']);
      expect(Dog.createId('Fido')).toBe('1e1d7398-8986-57af-bb01-11a89b2f8b02');
    });

    const { openSql } = host;
    if (openSql !== undefined) describeOwnTables(openSql);

    test('orders cross a snapshot, are published in order, and are listed', async () => {
      await ordersEndToEnd(await host.openOrdersEngine());
    });

    test('the directory of users says what it does, and the same on every engine', async () => {
      const printed: string[] = [];
      await userDirectory(await host.userDatabase(), (line) => printed.push(line));
      expect(printed).toEqual(USER_DIRECTORY);
    });

    test('the complete example says what it does', async () => {
      const exampleEngine = await host.completeExample();
      const printed: string[] = [];
      await completeExample(exampleEngine, (line) => printed.push(...line.split('\n')));
      const expected = exampleOutput(exampleEngine.name);
      expect(printed.map(settled)).toEqual(expected);
    });
  });
}

function describeOwnTables(openSql: () => Promise<SqlRecorder>): void {
  test('the dog school takes part in a transaction of others', async () => {
    const recorder = await openSql();
    await createOwners(recorder);
    expect(await takeIn(recorder, 'Buster', 'Anna')).toEqual(['fetch ball']);
    expect(await new TrainingSchool(recorder).getTricks('Buster')).toEqual(['fetch ball']);
    expect(await ownerOf(recorder, 'Buster')).toBe('Anna');
    // A dog of this name is there: neither the owner nor anything else is kept.
    await new TrainingSchool(recorder).register('Rex');
    await expect(takeIn(recorder, 'Rex', 'Ben')).rejects.toMatchObject({ code: 'CONCURRENCY_ERROR' });
    expect(await ownerOf(recorder, 'Rex')).toBeUndefined();
    expect(await new TrainingSchool(recorder).getTricks('Rex')).toEqual([]);
  });
}

async function ordersEndToEnd(engine: OrdersEngine): Promise<void> {
  const messages: OutboundMessage[] = [];
  const publish = async (message: OutboundMessage): Promise<void> => {
    messages.push(message);
  };
  const orderId = crypto.randomUUID();
  const orders = await openOrders(engine, publish);
  try {
    await createOrder(orders, orderId, 'customer-456');
    expect(await addLines(orders, orderId, 94)).toBe(95);
    expect(await engine.snapshots.select(orderId)).toBeUndefined();
    // From version 95 to 105: no multiple of 100, but one is crossed.
    expect(await addLines(orders, orderId, 10)).toBe(105);
    expect(await engine.snapshots.select(orderId)).toMatchObject({ originatorVersion: 105, aggregateType: 'Order' });
    const shipped = await shipOrder(orders, orderId);
    expect(shipped).toEqual({ customerId: 'customer-456', total: 151, isShipped: true });
    await expect.poll(() => messages.length).toBe(106);
  } finally {
    await orders.close();
  }
  expect(messages.map(({ headers }) => Number(headers['sequence']))).toEqual(
    Array.from({ length: 106 }, (_, index) => index + 1),
  );
  // Restarted: nothing is published again, and the order and its line in the list are what they were.
  const again = await openOrders(engine, publish);
  try {
    const order = await again.app.repository.load(Order, orderId);
    expect([order.version, order.lines, order.total, order.trackingNumber]).toEqual([106, 104, 151, 'TRACK-1']);
    await again.view.runner.waitFor(await engine.recorder.maxNotificationId());
    expect((await again.view.find(orderId))?.isShipped).toBe(true);
  } finally {
    await again.close();
  }
  expect(messages).toHaveLength(106);
}

const RULE = '='.repeat(70);

/** What is the same in every run. */
function settled(line: string): string {
  // The announcement of the last commit may be under way, which nobody waits for.
  if (line === '   Checked out: 1') return '   Checked out: 0';
  return line.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, '[UUID]');
}

/** The console text, line for line. Where there is no pool, it says so instead. */
function exampleOutput(name: string): readonly string[] {
  const pool = name === 'PostgreSQL';
  return [
    RULE,
    `Tutorial 11: ${name} Event Store`,
    RULE,
    '',
    `1. Creating ${name} event store...`,
    '2. Setting up database schema...',
    'Database schema created successfully!',
    '3. Creating aggregate repository...',
    '',
    '4. Creating an order...',
    '   Order created: [UUID]',
    '   Version: 1',
    '   Status: created',
    '   Customer: customer-456',
    '   Total: $299.99',
    '',
    '5. Loading and shipping order...',
    '   Order shipped!',
    '   Version: 2',
    '   Status: shipped',
    '   Tracking: TRACK-123456',
    '',
    '6. Verifying persistence...',
    '   Loaded order version: 2',
    '   Loaded status: shipped',
    '',
    `7. Querying events from ${name}...`,
    '   Found 2 events:',
    '   - v1: OrderCreated',
    '   - v2: OrderShipped',
    '',
    '8. Connection pool statistics...',
    ...(pool
      ? ['   Pool size: 5', '   Checked out: 0', '   Overflow: 0']
      : ['   No pool: the store is in this process.']),
    '',
    RULE,
    `SUCCESS: ${name} event store is working!`,
    RULE,
    '',
    pool ? 'Connection pool disposed.' : 'Store closed.',
  ];
}

/** The console text of the directory of users, the same on every engine. */
const USER_DIRECTORY: readonly string[] = [
  '1. Events are stored, and the state with them',
  '   {"name":"Ann","email":"ann@example.com","active":true,"logins":0}',
  '2. Events of a user, of a type, in a range of time',
  '   Created, Deactivated',
  '   created: Ann, Ben, Cléo',
  '   within the hour: 4, before it: 0',
  '3. States are found by what is in them',
  '   Ann <ann@example.com>',
  '   Cléo <cleo@example.com>',
  '   searched: Cléo, in all: 3',
  '4. A transaction is stored as a whole, or not at all',
  '   (asked the store for 1)',
  '   The user is not active. Ann has ann@example.com',
  '   {"language":"de","newsletter":false}',
  '5. Answers are cached until an event makes them old',
  '   (asked the store for 1)',
  '   Ann has ann@example.org',
  '   Ann has ann@example.org',
  '6. What a schema refuses is not stored',
  '   VALIDATION_ERROR, and there is none',
  '   STATE_CONFLICT for who has read another version',
  '7. All of it moves elsewhere, and is the same there',
  '   5 events, the same',
  '   1 state: {"language":"de","newsletter":false}',
];
