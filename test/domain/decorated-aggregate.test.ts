import { describe, expect, test } from 'vitest';
import { Aggregate, emptyAggregate } from '../../src/domain/aggregate.js';
import { event } from '../../src/domain/event-decorator.js';
import { DecoratedDog } from './decorated-dog.js';

function replayed(dog: DecoratedDog): DecoratedDog {
  const copy = emptyAggregate(DecoratedDog, dog.id);
  copy.replay(dog.pendingEvents);
  return copy;
}

describe('a decorated method', () => {
  test('applies an event with its arguments as data, and its body is the handler', () => {
    const dog = DecoratedDog.register('Fido');
    dog.addTrick('roll over');
    dog.addTrick('play dead', 20);
    dog.rename({ name: 'Sir Fido' });
    dog.retire();
    expect(dog.tricks).toEqual(['roll over', 'play dead']);
    expect(dog).toMatchObject({ name: 'Sir Fido', minutesTrained: 20, retired: true, version: 5 });
    expect(dog.pendingEvents).toStrictEqual([
      { type: 'Registered', data: { name: 'Fido' } },
      { type: 'TrickAdded', data: { trick: 'roll over' } },
      { type: 'TrickAdded', data: { trick: 'play dead', minutes: 20 } },
      { type: 'Renamed', data: { name: 'Sir Fido' } },
      { type: 'Retired', data: {} },
    ]);
  });

  test('runs again at a load, and applies nothing then', () => {
    const dog = DecoratedDog.register('Fido');
    dog.addTrick('roll over');
    const copy = replayed(dog);
    expect(copy.toSnapshot()).toEqual(dog.toSnapshot());
    expect([copy.version, copy.pendingEvents]).toEqual([2, []]);
  });

  test('that throws before it changes anything changes nothing', () => {
    const dog = DecoratedDog.register('Fido');
    dog.addTrick('roll over');
    expect(() => dog.addTrick('roll over')).toThrow('Fido knows roll over');
    expect([dog.version, dog.pendingEvents.length, dog.tricks]).toEqual([2, 2, ['roll over']]);
    dog.addTrick('beg');
    expect(dog.version).toBe(3);
  });

  test('that calls another is refused: the other event would happen again at every load', () => {
    class Twice extends Aggregate.of('Twice', { Once: event(), Again: event() }) {
      @event('Once')
      once(): void {
        this.again();
      }

      @event('Again')
      again(): void {
        this.times += 1;
      }

      times = 0;
    }
    const twice = new Twice('1e1d7398-8986-57af-bb01-11a89b2f8b02');
    expect(() => twice.once()).toThrow(expect.objectContaining({ code: 'EVENT_HANDLER_ERROR' }));
    expect([twice.version, twice.pendingEvents, twice.times]).toEqual([0, [], 0]);
    twice.again();
    expect([twice.version, twice.times]).toEqual([1, 1]);
  });

  test('gives way to a handler that the constructor registers', () => {
    class Registering extends Aggregate.of('Registering', { Named: event<{ name: string }>() }) {
      names: string[] = [];

      constructor(id: string) {
        super(id);
        this.when('Named', ({ name }) => {
          this.names.push(`when ${name}`);
        });
      }

      @event('Named', 'name')
      rename(name: string): void {
        this.names.push(`body ${name}`);
      }
    }
    const registering = new Registering('1e1d7398-8986-57af-bb01-11a89b2f8b02');
    registering.rename('Rex');
    expect(registering.names).toEqual(['when Rex']);
  });
});
