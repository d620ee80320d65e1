/**
 * Given, when, then for aggregates that are classes.
 *
 * @module
 */
import { emptyAggregate } from '../../domain/aggregate.js';
import type { AggregateClass, AggregateEventOf, AggregateRoot } from '../../domain/aggregate-class.js';
import type { Message } from '../../domain/message-types.js';
import { validatedAtOnce } from '../../domain/standard-schema.js';
import { plainCopy } from '../../domain/plain-copy.js';
import { counted, requireSame, SpecificationError } from './specification-error.js';
import { outcomeOf } from './specification-outcome.js';
import type { SpecificationOutcome, StateExpectation } from './specification-outcome.js';

// A UUID that nobody takes for a real one.
const SPECIFIED_ID = '00000000-0000-4000-8000-000000000001';

/** An aggregate whose past is given. */
export interface GivenAggregate<Root extends AggregateRoot> extends StateExpectation<unknown> {
  /**
   * Calls a command of the aggregate.
   *
   * @throws SpecificationError when it changes fields other than by events, so that they are lost at the next load
   */
  when(command: (aggregate: Root) => void): SpecificationOutcome<AggregateEventOf<Root>, unknown>;
}

/** A class of aggregates to specify. States are what `toSnapshot` gives: the aggregate's own fields. */
export interface AggregateSpecification<Root extends AggregateRoot> {
  /** @param events - what has happened so far */
  given(events: readonly AggregateEventOf<Root>[]): GivenAggregate<Root>;
  /** Calls what makes a new aggregate, a static method for example. @throws SpecificationError as `when` does */
  whenCreated(create: () => Root): SpecificationOutcome<AggregateEventOf<Root>, unknown>;
}

/**
 * Specifies a class of aggregates: given these events, when this command is called, then those events. Throws where the
 * class differs, so that any test runner can be used.
 *
 * @example
 * ```ts
 * test('a dog learns a trick', () => {
 *   aggregateSpecification(Dog)
 *     .given([{ type: 'Registered', data: { name: 'Fido' } }])
 *     .when((dog) => dog.addTrick('roll over'))
 *     .then([{ type: 'TrickAdded', data: { trick: 'roll over' } }])
 *     .thenState({ name: 'Fido', tricks: ['roll over'] });
 * });
 * ```
 *
 * @param id - the aggregate's, where it matters
 */
export function aggregateSpecification<Root extends AggregateRoot>(
  Class: AggregateClass<Root>,
  id: string = SPECIFIED_ID,
): AggregateSpecification<Root> {
  return {
    given(events) {
      const story = `${Class.aggregateType}, given ${counted(events.length)}`;
      const load = (): Root => replayed(Class, id, events);
      return {
        thenState: (expected) => requireSame(story, 'the state', load().toSnapshot(), expected),
        when: (command) => commanded(Class, `${story}, when a command is called`, load, command),
      };
    },
    whenCreated: (create) => created(Class, create),
  };
}

function commanded<Root extends AggregateRoot>(
  Class: AggregateClass<Root>,
  story: string,
  load: () => Root,
  command: (aggregate: Root) => unknown,
): SpecificationOutcome<AggregateEventOf<Root>, unknown> {
  const aggregate = load();
  const thrown: unknown[] = [];
  try {
    requireNoPromise(story, command(aggregate));
    requireValid(Class, aggregate.pendingEvents);
  } catch (error) {
    if (error instanceof SpecificationError) throw error;
    thrown.push(error);
  }
  const loadedAgain = load();
  loadedAgain.replay(aggregate.pendingEvents);
  requireSameFields(story, aggregate, loadedAgain);
  return outcomeOf({ story, thrown, events: thrown.length > 0 ? [] : eventsOf(aggregate), state: stateOf(aggregate) });
}

function created<Root extends AggregateRoot>(
  Class: AggregateClass<Root>,
  create: () => Root,
): SpecificationOutcome<AggregateEventOf<Root>, unknown> {
  const story = `${Class.aggregateType}, when it is created`;
  let aggregate: Root;
  try {
    aggregate = create();
    requireValid(Class, aggregate.pendingEvents);
  } catch (thrown) {
    return outcomeOf<AggregateEventOf<Root>, unknown>({ story, thrown: [thrown], events: [], state: undefined });
  }
  requireSameFields(story, aggregate, replayed(Class, aggregate.id, eventsOf(aggregate)));
  return outcomeOf({ story, thrown: [], events: eventsOf(aggregate), state: stateOf(aggregate) });
}

function replayed<Root extends AggregateRoot>(
  Class: AggregateClass<Root>,
  id: string,
  events: readonly AggregateEventOf<Root>[],
): Root {
  const aggregate = emptyAggregate(Class, id);
  aggregate.replay(events.map((happened: Message) => plainCopy(happened)));
  return aggregate;
}

function eventsOf<Root extends AggregateRoot>(aggregate: Root): readonly AggregateEventOf<Root>[] {
  return aggregate.pendingEvents as readonly AggregateEventOf<Root>[];
}

/** A copy, because the aggregate may go on. */
function stateOf(aggregate: AggregateRoot): unknown {
  return plainCopy(aggregate.toSnapshot());
}

function requireSameFields(story: string, aggregate: AggregateRoot, loadedAgain: AggregateRoot): void {
  const what = 'fields that a load gives again, changed by handlers only:';
  requireSame(story, what, aggregate.toSnapshot(), loadedAgain.toSnapshot());
}

function requireNoPromise(story: string, result: unknown): void {
  if (!(result instanceof Promise)) return;
  // Nobody will hear of what comes of it.
  result.catch(() => undefined);
  throw new SpecificationError(`${story}: it gives a promise. Commands of an aggregate do not wait for anything.`);
}

function requireValid({ aggregateType, events }: AggregateClass, pending: readonly Message[]): void {
  for (const { type, data } of pending) {
    const schema = events[type]?.schema;
    if (schema !== undefined) validatedAtOnce(schema, data, `the data of ${aggregateType}:${type}`);
  }
}
