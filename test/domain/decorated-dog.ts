/** The dog school's aggregate, written with decorators. Decorators are compiled by TypeScript: see vitest.config.ts. */
import { Aggregate } from '../../src/domain/aggregate.js';
import { event } from '../../src/domain/event-decorator.js';
import { UUID } from '../../src/domain/uuid.js';

const dogEvents = {
  Registered: event<{ name: string }>(),
  TrickAdded: event<{ trick: string; minutes?: number }>(),
  Renamed: event<{ name: string }>(),
  Retired: event(),
};

export class DecoratedDog extends Aggregate.of('Dog', dogEvents) {
  name = '';
  retired = false;
  minutesTrained = 0;
  readonly tricks: string[] = [];

  static createId(name: string): string {
    return String(UUID.fromName(UUID.NAMESPACE_URL, `/dogs/${name}`));
  }

  static register(name: string): DecoratedDog {
    const dog = new DecoratedDog(DecoratedDog.createId(name));
    dog.registered(name);
    return dog;
  }

  @event('TrickAdded', 'trick', 'minutes')
  addTrick(trick: string, minutes?: number): void {
    if (this.tricks.includes(trick)) throw new RangeError(`${this.name} knows ${trick}`);
    this.tricks.push(trick);
    this.minutesTrained += minutes ?? 0;
  }

  @event('Renamed')
  rename({ name }: { name: string }): void {
    this.name = name;
  }

  @event('Retired')
  retire(): void {
    this.retired = true;
  }

  @event('Registered', 'name')
  protected registered(name: string): void {
    this.name = name;
  }
}
