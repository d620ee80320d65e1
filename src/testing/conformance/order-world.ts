/**
 * A small world to test processes in: orders reserve stock, and are confirmed or turned down.
 *
 * @module
 */
import { Application } from '../../application/application.js';
import { defineProcess, send } from '../../application/processes/process.js';
import type { Process } from '../../application/processes/process.js';
import { CommandError } from '../../domain/domain-errors.js';
import { defineDecider } from '../../domain/decider.js';
import type { DefinedDecider } from '../../domain/decider.js';
import { command, event } from '../../domain/message-types.js';
import type { Message } from '../../domain/message-types.js';
import { UUID } from '../../domain/uuid.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';

/** How an order stands. */
export interface TestOrderState {
  readonly status: 'none' | 'placed' | 'confirmed' | 'refused';
}

/** What is asked of an order. */
export type TestOrderCommand =
  Message<'Place', { item: string; quantity: number }> | Message<'Confirm'> | Message<'Refuse', { why: string }>;

/** What happens to an order. */
export type TestOrderEvent =
  Message<'Placed', { item: string; quantity: number }> | Message<'Confirmed'> | Message<'Refused', { why: string }>;

// Types are named, because exports name theirs.
const order = defineDecider({
  name: 'TestOrder',
  events: {
    Placed: event<{ item: string; quantity: number }>(),
    Confirmed: event(),
    Refused: event<{ why: string }>(),
  },
  commands: {
    Place: command<{ item: string; quantity: number }>(),
    Confirm: command(),
    Refuse: command<{ why: string }>(),
  },
  initialState: (): TestOrderState => ({ status: 'none' }),
  decide: {
    Place: ({ data }, { status }) => (status === 'none' ? { type: 'Placed', data } : []),
    Confirm: (_command, { status }) => (status === 'placed' ? { type: 'Confirmed', data: {} } : []),
    Refuse: ({ data }, { status }) => (status === 'placed' ? { type: 'Refused', data } : []),
  },
  evolve: {
    Placed: (state): TestOrderState => ({ ...state, status: 'placed' }),
    Confirmed: (state): TestOrderState => ({ ...state, status: 'confirmed' }),
    Refused: (state): TestOrderState => ({ ...state, status: 'refused' }),
  },
});

/** An order of so many of one thing. */
export const testOrder: DefinedDecider<TestOrderState, TestOrderCommand, TestOrderEvent> = order;

/** How stock stands. */
export interface TestStockState {
  readonly free: number;
}

/** What is asked of stock. */
export type TestStockCommand =
  Message<'Add', { quantity: number }> | Message<'Reserve', { quantity: number; orderId: string }>;

/** What happens to stock. */
export type TestStockEvent =
  Message<'Added', { quantity: number }> | Message<'Reserved', { quantity: number; orderId: string }>;

const stock = defineDecider({
  name: 'TestStock',
  events: { Added: event<{ quantity: number }>(), Reserved: event<{ quantity: number; orderId: string }>() },
  commands: { Add: command<{ quantity: number }>(), Reserve: command<{ quantity: number; orderId: string }>() },
  initialState: (): TestStockState => ({ free: 0 }),
  decide: {
    Add: ({ data }) => ({ type: 'Added', data }),
    Reserve: ({ data }, { free }) => {
      if (data.quantity > free) throw new CommandError(`Only ${free} are left.`);
      return { type: 'Reserved', data };
    },
  },
  evolve: {
    Added: ({ free }, { data }) => ({ free: free + data.quantity }),
    Reserved: ({ free }, { data }) => ({ free: free - data.quantity }),
  },
});

/** So many of one thing. */
export const testStock: DefinedDecider<TestStockState, TestStockCommand, TestStockEvent> = stock;

/** Orders to stock. */
export const testReservation: Process = defineProcess({
  name: 'reservation',
  from: [testOrder],
  on: {
    Placed: ({ originatorId, data }) => [
      send(testStock, stockIdOf(data.item), {
        type: 'Reserve',
        data: { quantity: data.quantity, orderId: originatorId },
      }),
    ],
  },
});

/** Stock to orders. */
export const testConfirmation: Process = defineProcess({
  name: 'confirmation',
  from: [testStock],
  on: {
    Reserved: ({ data }) => [send(testOrder, data.orderId, { type: 'Confirm', data: {} })],
  },
});

/** The stock of a thing is found by its name. */
export function stockIdOf(item: string): string {
  return UUID.fromName(UUID.NAMESPACE_URL, `/stock/${item}`).toString();
}

/** The application of the orders. */
export function testOrders(recorder: ProcessRecorder): Application {
  return new Application({ name: 'orders', recorder, aggregates: [testOrder] });
}

/** The application of the stock. */
export function testWarehouse(recorder: ProcessRecorder): Application {
  return new Application({ name: 'warehouse', recorder, aggregates: [testStock] });
}
