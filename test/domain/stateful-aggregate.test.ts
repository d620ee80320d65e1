import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { Application } from '../../src/application/index.js';
import type { AggregateClass, AggregateEventOf } from '../../src/domain/aggregate-class.js';
import { emptyAggregate } from '../../src/domain/aggregate.js';
import { EventHandlerError } from '../../src/domain/domain-errors.js';
import { event } from '../../src/domain/message-types.js';
import { statefulAggregate } from '../../src/domain/stateful-aggregate.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';

const ID = '1e1d7398-8986-57af-bb01-11a89b2f8b02';

interface OrderState {
  readonly status: 'new' | 'placed' | 'shipped';
  readonly items: readonly string[];
}

const orderEvents = { Placed: event<{ items: string[] }>(), ItemAdded: event<{ item: string }>(), Shipped: event() };

class Order extends statefulAggregate('Order', orderEvents, (): OrderState => ({ status: 'new', items: [] })) {
  place(items: string[]): void {
    if (this.version > 0) throw new Error('The order was placed before.');
    this.apply('Placed', { items });
  }

  add(item: string): void {
    this.apply('ItemAdded', { item });
  }

  ship(): void {
    if (this.state.status !== 'placed') throw new Error(`The order is ${this.state.status}.`);
    this.apply('Shipped');
  }

  protected override evolve(state: OrderState, happened: AggregateEventOf<Order>): OrderState {
    switch (happened.type) {
      case 'Placed':
        return { status: 'placed', items: happened.data.items };
      case 'ItemAdded':
        if (happened.data.item === '') throw new RangeError('no item');
        return { ...state, items: [...state.items, happened.data.item] };
      case 'Shipped':
        return { ...state, status: 'shipped' };
    }
  }
}

describe('an aggregate with a state', () => {
  test('changes it in one place, by each event', () => {
    const order = new Order(ID);
    expect(order.state).toEqual({ status: 'new', items: [] });
    expect(() => order.ship()).toThrow('The order is new.');
    order.place(['soap']);
    order.add('towel');
    order.ship();
    expect([order.state, order.version, order.pendingEvents.map(({ type }) => type)]).toEqual([
      { status: 'shipped', items: ['soap', 'towel'] },
      3,
      ['Placed', 'ItemAdded', 'Shipped'],
    ]);
  });

  test('keeps it, and its version, when evolve throws', () => {
    const order = new Order(ID);
    order.place(['soap']);
    const before = order.state;
    expect(() => order.add('')).toThrow(RangeError);
    expect([order.state === before, order.version, order.pendingEvents.length]).toEqual([true, 1, 1]);
    order.add('towel');
    expect(order.state.items).toEqual(['soap', 'towel']);
  });

  test('is refused an evolve that gives no state, as one that changes what it is given would', () => {
    class Forgetful extends statefulAggregate('Order', orderEvents, () => ({ items: [] as string[] })) {
      // @ts-expect-error it gives no state
      protected override evolve(state: { items: string[] }): void {
        state.items.push('soap');
      }
    }
    const order = new Forgetful(ID);
    expect(() => order.apply('ItemAdded', { item: 'towel' })).toThrow(
      new EventHandlerError(`The aggregate Order ${ID} gave no state for the event ItemAdded. Return it from evolve.`, {
        details: { aggregateType: 'Order', originatorId: ID, type: 'ItemAdded' },
      }),
    );
    expect([order.version, order.pendingEvents]).toEqual([0, []]);
  });

  test('has a handler of its own for a type where it registers one', () => {
    const shipped: object[] = [];
    class Watched extends Order {
      constructor(id: string) {
        super(id);
        this.when('Shipped', (data) => void shipped.push(data));
      }
    }
    const order = new Watched(ID);
    order.place([]);
    order.ship();
    expect([order.state.status, order.version, shipped]).toEqual(['placed', 2, [{}]]);
  });

  test('has the same state after a replay of its events, and after a snapshot and those after it', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 })), fc.nat(), (items, cut) => {
        const order = new Order(ID);
        order.place([]);
        for (const item of items) order.add(item);
        const events = order.pendingEvents;
        const replayed = emptyAggregate(Order, ID);
        replayed.replay(events);
        expect([replayed.state, replayed.version]).toEqual([order.state, order.version]);
        const at = cut % (events.length + 1);
        const earlier = emptyAggregate(Order, ID);
        earlier.replay(events.slice(0, at));
        const later = emptyAggregate(Order, ID);
        later.restore(structuredClone(earlier.toSnapshot()), at);
        later.replay(events.slice(at));
        expect([later.state, later.version]).toEqual([order.state, order.version]);
      }),
    );
  });

  test('is saved and loaded by an application, from a snapshot too', async () => {
    const store = new MemorySnapshotStore();
    const app = new Application({
      recorder: new MemoryProcessRecorder(),
      aggregates: [Order],
      snapshots: { store, interval: 2 },
    });
    const order = new Order(ID);
    order.place(['soap']);
    order.add('towel');
    await app.save(order);
    order.ship();
    await app.save(order);
    const loaded = await app.repository.load(Order, ID);
    expect([loaded.state, loaded.version]).toEqual([{ status: 'shipped', items: ['soap', 'towel'] }, 3]);
    expect((await store.select(ID))?.originatorVersion).toBe(2);
  });
});

test('the type of the state is that of the initial one, and evolve is not left out', () => {
  const taken: AggregateClass<Order> = Order;
  expectTypeOf<Order['state']>().toEqualTypeOf<OrderState>();
  expectTypeOf<AggregateEventOf<Order>['type']>().toEqualTypeOf<'Placed' | 'ItemAdded' | 'Shipped'>();
  expect([taken.aggregateType, taken.stateVersion, taken.events]).toEqual(['Order', 1, orderEvents]);
});

// @ts-expect-error evolve is missing
export class Still extends statefulAggregate('Order', orderEvents, () => 0) {}

const initialState = (): OrderState => ({ status: 'new', items: [] });

export class Wrong extends statefulAggregate('Order', orderEvents, initialState) {
  // @ts-expect-error a status that there is not
  protected override evolve(state: OrderState): { status: string; items: readonly string[] } {
    return { ...state, status: 'lost' };
  }
}
