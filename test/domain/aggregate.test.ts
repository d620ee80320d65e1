import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Aggregate, emptyAggregate } from '../../src/domain/aggregate.js';
import { EventHandlerError } from '../../src/domain/domain-errors.js';
import { event } from '../../src/domain/message-types.js';
import { UUID } from '../../src/domain/uuid.js';

const ID = '1e1d7398-8986-57af-bb01-11a89b2f8b02';

const dogEvents = {
  Registered: event<{ name: string }>(),
  TrickAdded: event<{ trick: string }>(),
};

class Dog extends Aggregate.of('Dog', dogEvents) {
  name = '';
  readonly tricks: string[] = [];

  static createId(name: string): string {
    return String(UUID.fromName(UUID.NAMESPACE_URL, `/dogs/${name}`));
  }

  static register(name: string): Dog {
    const dog = new Dog(Dog.createId(name));
    dog.apply('Registered', { name });
    return dog;
  }

  addTrick(trick: string): void {
    this.apply('TrickAdded', { trick });
  }

  onRegistered({ name }: { name: string }): void {
    this.name = name;
  }

  onTrickAdded({ trick }: { trick: string }): void {
    this.tricks.push(trick);
  }
}

/** What can be seen of an aggregate. */
function seen(aggregate: Aggregate): object {
  const { id, version, pendingEvents } = aggregate;
  return { id, version, pendingEvents, state: structuredClone(aggregate.toSnapshot()) };
}

describe('an aggregate', () => {
  test('has the id that its name gives', () => {
    // uuid.uuid5(uuid.NAMESPACE_URL, '/dogs/Fido') in Python
    expect(Dog.register('Fido').id).toBe(ID);
  });

  test('starts at version 0, and counts each event', () => {
    const dog = new Dog(ID);
    expect([dog.version, dog.getNextVersion(), dog.pendingEvents]).toEqual([0, 1, []]);
    dog.apply('Registered', { name: 'Fido' });
    expect([dog.version, dog.getNextVersion()]).toEqual([1, 2]);
    dog.addTrick('roll over');
    expect(seen(dog)).toEqual({
      id: ID,
      version: 2,
      pendingEvents: [
        { type: 'Registered', data: { name: 'Fido' } },
        { type: 'TrickAdded', data: { trick: 'roll over' } },
      ],
      state: { name: 'Fido', tricks: ['roll over'] },
    });
  });

  test('replays events without making them pending, and goes on from there', () => {
    const dog = Dog.register('Fido');
    dog.addTrick('roll over');
    const copy = emptyAggregate(Dog, dog.id);
    copy.replay(dog.pendingEvents);
    expect(seen(copy)).toEqual({ ...seen(dog), pendingEvents: [] });
    copy.addTrick('beg');
    expect([copy.version, copy.pendingEvents]).toEqual([3, [{ type: 'TrickAdded', data: { trick: 'beg' } }]]);
  });

  test('takes no earlier events while it has pending ones', () => {
    const dog = Dog.register('Fido');
    const before = seen(dog);
    expect(() => dog.replay([{ type: 'TrickAdded', data: { trick: 'beg' } }])).toThrow(EventHandlerError);
    expect(seen(dog)).toEqual(before);
  });

  test('forgets pending events that are recorded, and keeps those that came after', () => {
    const dog = Dog.register('Fido');
    dog.addTrick('roll over');
    const saved = dog.pendingEvents.length;
    dog.addTrick('beg');
    dog.markCommitted(saved);
    expect([dog.version, dog.pendingEvents]).toEqual([3, [{ type: 'TrickAdded', data: { trick: 'beg' } }]]);
    dog.markCommitted();
    expect([dog.version, dog.pendingEvents]).toEqual([3, []]);
  });

  test('gives pending events that nobody can change', () => {
    const dog = Dog.register('Fido');
    (dog.pendingEvents as unknown[]).pop();
    expect(dog.pendingEvents).toHaveLength(1);
  });

  test('keeps an event as it was, whatever the state does with its data', () => {
    class Crate extends Aggregate.of('Crate', { Filled: event<{ items: { name: string }[] }>() }) {
      items: { name: string }[] = [];

      onFilled({ items }: { items: { name: string }[] }): void {
        this.items = items;
      }
    }
    const crate = new Crate(ID);
    const owner = UUID.random();
    const given = { items: [{ name: 'bolt' }], owner };
    crate.apply('Filled', given);
    crate.items[0]!.name = 'nut';
    given.items.push({ name: 'screw' });
    expect(crate.pendingEvents).toEqual([{ type: 'Filled', data: { items: [{ name: 'bolt' }], owner } }]);
    expect((crate.pendingEvents[0]!.data as { owner?: unknown }).owner).toBe(owner);
  });

  test('becomes what it was at a snapshot', () => {
    const dog = Dog.register('Fido');
    dog.addTrick('roll over');
    const copy = emptyAggregate(Dog, dog.id);
    copy.restore(structuredClone(dog.toSnapshot()), dog.version);
    expect(seen(copy)).toEqual({ ...seen(dog), pendingEvents: [] });
    copy.addTrick('beg');
    expect([copy.version, copy.tricks, dog.tricks]).toEqual([3, ['roll over', 'beg'], ['roll over']]);
  });

  test('leaves functions out of a snapshot', () => {
    class Named extends Aggregate.of('Named', dogEvents) {
      name = 'Fido';
      readonly greet = (): string => `Hello, ${this.name}`;
    }
    const named = new Named(ID);
    expect(named.toSnapshot()).toStrictEqual({ name: 'Fido' });
    named.restore({ name: 'Rex' }, 3);
    expect([named.greet(), named.version]).toEqual(['Hello, Rex', 3]);
  });

  test('with private fields says itself what a snapshot holds', () => {
    class Counter extends Aggregate.of('Counter', { Counted: event<{ by: number }>() }) {
      #total = 0;

      get total(): number {
        return this.#total;
      }

      onCounted({ by }: { by: number }): void {
        this.#total += by;
      }

      override toSnapshot(): number {
        return this.#total;
      }

      protected override fromSnapshot(total: number): void {
        this.#total = total;
      }
    }
    const counter = new Counter(ID);
    counter.apply('Counted', { by: 3 });
    const copy = emptyAggregate(Counter, ID);
    copy.restore(counter.toSnapshot(), counter.version);
    expect([copy.total, copy.version]).toEqual([3, 1]);
  });

  test('whose constructor applies an event is refused', () => {
    class Eager extends Aggregate.of('Eager', dogEvents) {
      constructor(id: string) {
        super(id);
        this.when('Registered', () => undefined);
        this.apply('Registered', { name: 'Fido' });
      }
    }
    expect(() => emptyAggregate(Eager, ID)).toThrow(EventHandlerError);
  });

  test('can name its type and events itself', () => {
    class Cat extends Aggregate<typeof dogEvents> {
      static readonly aggregateType = 'Cat';
      static readonly events = dogEvents;
      name = '';

      onRegistered({ name }: { name: string }): void {
        this.name = name;
      }
    }
    const cat = emptyAggregate(Cat, ID);
    cat.apply('Registered', { name: 'Tom' });
    expect([cat.name, Cat.stateVersion]).toEqual(['Tom', 1]);
  });
});

describe('an event goes to', () => {
  const events = { orderPlaced: event<{ by: string }>(), Paid: event<{ by: string }>() };

  class Order extends Aggregate.of('Order', events) {
    readonly calls: string[] = [];
  }

  class WithMethods extends Order {
    onOrderPlaced({ by }: { by: string }): void {
      this.calls.push(`onOrderPlaced ${by}`);
    }
    on_orderPlaced({ by }: { by: string }): void {
      this.calls.push(`on_orderPlaced ${by}`);
    }
    on_Paid({ by }: { by: string }): void {
      this.calls.push(`on_Paid ${by}`);
    }
  }

  test('the handler that is registered, by name or by definition, before any method', () => {
    class Registering extends WithMethods {
      constructor(id: string) {
        super(id);
        this.when('orderPlaced', ({ by }) => this.calls.push(`when ${by}`));
        this.when(events.Paid, ({ by }) => this.calls.push(`when paid ${by}`));
      }
    }
    const order = new Registering(ID);
    order.apply('orderPlaced', { by: 'Ada' });
    order.apply('Paid', { by: 'Ada' });
    expect([order.calls, order.version]).toEqual([['when Ada', 'when paid Ada'], 2]);
  });

  test('the method on<EventType>, then on_<EventType>', () => {
    const order = new WithMethods(ID);
    order.apply('orderPlaced', { by: 'Ada' });
    order.apply('Paid', { by: 'Ada' });
    order.apply('orderPlaced', { by: 'Bob' });
    expect([order.calls, order.version]).toEqual([['onOrderPlaced Ada', 'on_Paid Ada', 'onOrderPlaced Bob'], 3]);
  });

  test('nobody: refused, and nothing is changed', () => {
    class Partial extends Order {
      onOrderPlaced(): void {
        this.calls.push('placed');
      }
      // Not an event of this aggregate, whatever the method is called.
      onShipped(): void {
        this.calls.push('shipped');
      }
    }
    const order = new Partial(ID);
    order.apply('orderPlaced', { by: 'Ada' });
    const before = seen(order);
    const refusals = [
      () => order.apply('Paid', { by: 'Ada' }),
      () => order.apply('Shipped' as 'Paid', { by: 'Ada' }),
      () => order.apply('constructor' as 'Paid', { by: 'Ada' }),
    ];
    for (const refused of refusals) {
      expect(refused).toThrow(
        expect.objectContaining({
          code: 'EVENT_HANDLER_ERROR',
          details: expect.objectContaining({ aggregateType: 'Order', originatorId: ID, type: expect.any(String) }),
        }),
      );
      expect(seen(order)).toEqual(before);
    }
    order.markCommitted();
    expect(() => order.replay([{ type: 'Paid', data: { by: 'Ada' } }])).toThrow(EventHandlerError);
    expect(order.version).toBe(1);
  });

  test('a handler of a definition that is not its own: refused', () => {
    class Mistaken extends Order {
      constructor(id: string) {
        super(id);
        this.when(event<{ by: string }>(), () => undefined);
      }
    }
    expect(() => new Mistaken(ID)).toThrow(EventHandlerError);
  });
});

type Step = 'Added' | 'Subtracted' | 'Refused' | 'Unhandled' | 'Unknown' | 'Nested';
const STEPS: readonly Step[] = ['Added', 'Subtracted', 'Refused', 'Unhandled', 'Unknown', 'Nested'];

class Sum extends Aggregate.of('Sum', {
  Added: event<{ by: number }>(),
  Subtracted: event<{ by: number }>(),
  Refused: event<{ by: number }>(),
  Unhandled: event<{ by: number }>(),
  Nested: event<{ by: number }>(),
}) {
  total = 0;

  constructor(id: string) {
    super(id);
    this.when('Added', ({ by }) => {
      this.total += by;
    });
    this.when('Nested', ({ by }) => this.apply('Added', { by }));
  }

  onSubtracted({ by }: { by: number }): void {
    this.total -= by;
  }

  on_Refused(): void {
    throw new RangeError('no');
  }
}

test('any sequence: the version is the number of events that were applied, and what fails changes nothing', () => {
  const sequences = fc.array(fc.record({ type: fc.constantFrom(...STEPS), by: fc.integer() }), { maxLength: 60 });
  fc.assert(
    fc.property(sequences, fc.nat({ max: 60 }), (steps, replayedCount) => {
      const sum = new Sum(ID);
      const handled = steps.filter(({ type }) => type === 'Added' || type === 'Subtracted');
      const history = handled.slice(0, replayedCount).map(({ type, by }) => ({ type, data: { by } }));
      sum.replay(history);
      let [total, applied] = [sum.total, 0];
      for (const { type, by } of steps) {
        const before = seen(sum);
        if (type === 'Added' || type === 'Subtracted') {
          sum.apply(type, { by });
          applied += 1;
          total += type === 'Added' ? by : -by;
        } else {
          expect(() => sum.apply(type as 'Added', { by })).toThrow(type === 'Refused' ? RangeError : EventHandlerError);
          expect(seen(sum)).toEqual(before);
        }
      }
      expect(sum.version).toBe(history.length + applied);
      expect(sum.pendingEvents).toEqual(handled.map(({ type, by }) => ({ type, data: { by } })));
      expect(sum.total).toBe(total);
    }),
  );
});
