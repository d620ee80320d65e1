/** What must not compile: proved by the compiler (`tsc`), which wants an error at every `@ts-expect-error`. */
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { AggregateClass, AggregateEventOf } from '../../src/domain/aggregate-class.js';
import { Aggregate } from '../../src/domain/aggregate.js';
import type { EventHandlers } from '../../src/domain/aggregate.js';
import { event } from '../../src/domain/event-decorator.js';

const shelfEvents = {
  Placed: event<{ place: string }>(),
  Loaded: event(z.object({ items: z.array(z.string()), weightKg: z.number().optional() })),
  Cleared: event(),
};

class Shelf extends Aggregate.of('Shelf', shelfEvents) implements EventHandlers<typeof shelfEvents> {
  static override readonly stateVersion = 2;

  place = '';
  items: readonly string[] = [];

  onPlaced({ place }: { place: string }): void {
    this.place = place;
  }

  onLoaded({ items }: { items: string[] }): void {
    this.items = items;
  }

  onCleared(): void {
    this.items = [];
  }
}

test('a class is what an application takes', () => {
  const taken: AggregateClass<Shelf> = Shelf;
  expectTypeOf<AggregateEventOf<Shelf>>().toEqualTypeOf<AggregateEventOf<typeof Shelf>>();
  expectTypeOf<AggregateEventOf<Shelf>['type']>().toEqualTypeOf<'Placed' | 'Loaded' | 'Cleared'>();
  expect([taken.aggregateType, taken.stateVersion, taken.events]).toEqual(['Shelf', 2, shelfEvents]);
});

// Never called: what stands in it is for the compiler.
export function wrongEvents(shelf: Shelf): void {
  shelf.apply('Placed', { place: 'left' });
  shelf.apply('Cleared');
  shelf.apply('Loaded', { items: [] });
  // @ts-expect-error an event that the aggregate does not have
  shelf.apply('Moved', { place: 'left' });
  // @ts-expect-error data that is not there
  shelf.apply('Placed');
  // @ts-expect-error data of another event
  shelf.apply('Placed', { items: [] });
  // @ts-expect-error data of the wrong type
  shelf.apply('Loaded', { items: 'one' });
  // @ts-expect-error more than the event has
  shelf.apply('Cleared', { place: 'left' });
  // @ts-expect-error handlers are registered by the class itself
  shelf.when('Cleared', () => undefined);
  for (const happened of shelf.pendingEvents) {
    if (happened.type === 'Placed') expectTypeOf(happened.data).toEqualTypeOf<{ place: string }>();
    // @ts-expect-error an event that the aggregate does not have
    if (happened.type === 'Moved') return;
  }
}

export class Registering extends Aggregate.of('Shelf', shelfEvents) {
  place = '';

  constructor(id: string) {
    super(id);
    this.when('Placed', ({ place }) => {
      this.place = place;
    });
    this.when(shelfEvents.Loaded, ({ items }) => {
      expectTypeOf(items).toEqualTypeOf<string[]>();
    });
    // @ts-expect-error an event that the aggregate does not have
    this.when('Moved', () => undefined);
    // @ts-expect-error a handler of other data
    this.when('Placed', (_data: { items: string[] }) => undefined);
    // @ts-expect-error an event of something else
    this.when(event<{ other: number }>(), () => undefined);
  }
}

// @ts-expect-error a handler is missing
export class Forgetful extends Aggregate.of('Shelf', shelfEvents) implements EventHandlers<typeof shelfEvents> {
  readonly onPlaced = () => undefined;
  readonly onCleared = () => undefined;
}

export class Mistaken extends Aggregate.of('Shelf', shelfEvents) implements EventHandlers<typeof shelfEvents> {
  // @ts-expect-error a handler of other data
  readonly onPlaced = (_data: { place: number }) => undefined;
  readonly onLoaded = () => undefined;
  readonly onCleared = () => undefined;
}

export class WithArguments extends Aggregate.of('Shelf', shelfEvents) {
  readonly place: string;

  constructor(id: string, place: string) {
    super(id);
    this.place = place;
  }
}
// @ts-expect-error loading could not give the second argument
export const notTaken: AggregateClass = WithArguments;

class Nameless extends Aggregate<typeof shelfEvents> {}
// @ts-expect-error it says neither what its type is called nor what its events are
export const notTakenEither: AggregateClass = Nameless;

export class Decorated extends Aggregate.of('Shelf', shelfEvents) {
  changes = 0;

  @event('Placed', 'place')
  putAt(_place: string): void {
    this.changes += 1;
  }

  @event('Loaded', 'items', 'weightKg')
  load(_items: string[], _weightKg?: number): void {
    this.changes += 1;
  }

  // @ts-expect-error an event that the aggregate does not have
  @event('Moved', 'place')
  move(_place: string): void {
    this.changes += 1;
  }

  // @ts-expect-error a name that is not a key of the data
  @event('Placed', 'where')
  putWhere(_where: string): void {
    this.changes += 1;
  }

  // @ts-expect-error a key that is required is not named
  @event('Loaded', 'weightKg')
  weigh(_weightKg: number): void {
    this.changes += 1;
  }

  // @ts-expect-error an argument of the wrong type
  @event('Placed', 'place')
  putAtNumber(_place: number): void {
    this.changes += 1;
  }

  // @ts-expect-error an argument is missing, which would be data that is missing
  @event('Placed')
  putNowhere(): void {
    this.changes += 1;
  }

  // @ts-expect-error a method that promises a result: applying an event gives none
  @event('Cleared')
  clear(): number {
    return this.changes;
  }

  // @ts-expect-error not a method
  @event('Placed')
  place = '';
}

export class NoAggregate {
  placed = '';

  // @ts-expect-error a class that is no aggregate
  @event('Placed')
  place({ place }: { place: string }): void {
    this.placed = place;
  }
}
