/**
 * Given, when, then for deciders.
 *
 * @module
 */
import type { Decider, DefinedDecider } from '../../domain/decider.js';
import type { Message, MessageDefinitions } from '../../domain/message-types.js';
import { validatedAtOnce } from '../../domain/standard-schema.js';
import { deepFreeze } from './deep-freeze.js';
import { counted, described, requireSame, requireSameMessages } from './specification-error.js';
import { outcomeOf } from './specification-outcome.js';
import type { SpecificationOutcome, StateExpectation } from './specification-outcome.js';

/** A decider whose past is given. */
export interface GivenDecider<State, Command extends Message, Event extends Message> extends StateExpectation<State> {
  /**
   * Decides a command, as an application does: its data is validated before, and the data of the events after.
   *
   * @throws SpecificationError when the decider is not pure: it gives another answer when it is asked again
   */
  when(command: Command): SpecificationOutcome<Event, State>;
}

/** A decider to specify. */
export interface DeciderSpecification<State, Command extends Message, Event extends Message> {
  /** @param events - what has happened so far */
  given(events: readonly Event[]): GivenDecider<State, Command, Event>;
}

/**
 * Specifies a decider: given these events, when this command, then those events. Throws where the decider differs, so
 * that any test runner can be used.
 *
 * Whatever the decider is given is frozen (plain objects and arrays are), so that one that changes it throws a
 * `TypeError`.
 *
 * @example
 * ```ts
 * test('a paid order is not paid again', () => {
 *   deciderSpecification(order)
 *     .given([{ type: 'OrderPlaced', data: { amount: 5 } }, { type: 'OrderPaid', data: {} }])
 *     .when({ type: 'PayOrder', data: {} })
 *     .thenThrows(CommandError);
 * });
 * ```
 */
export function deciderSpecification<State, Command extends Message, Event extends Message>(
  decider: DefinedDecider<State, Command, Event>,
): DeciderSpecification<State, Command, Event> {
  return {
    given(past) {
      const before = evolved(decider, deepFreeze(decider.initialState()), past);
      const story = `${decider.name}, given ${counted(past.length)}`;
      return {
        thenState: (expected) => requireSame(story, 'the state', before, expected),
        when: (command) => decided(decider, before, deepFreeze(command), `${story}, when ${described(command)}`),
      };
    },
  };
}

function decided<State, Command extends Message, Event extends Message>(
  decider: DefinedDecider<State, Command, Event>,
  before: State,
  command: Command,
  story: string,
): SpecificationOutcome<Event, State> {
  let events: readonly Event[];
  let again: readonly Event[];
  let state: State;
  try {
    const valid = validMessage(decider.commands, command, decider.name);
    events = decider.decide(valid, before).map((happened) => validMessage(decider.events, happened, decider.name));
    again = decider.decide(valid, before).map((happened) => validMessage(decider.events, happened, decider.name));
    state = evolved(decider, before, events);
  } catch (thrown) {
    return outcomeOf<Event, State>({ story, thrown: [thrown], events: [], state: before });
  }
  requireSameMessages(`${story}: asked again, it must decide the same`, again, events);
  return outcomeOf({ story, thrown: [], events, state });
}

/** Each state is frozen before the decider gets it. */
function evolved<State, Event extends Message>(
  decider: Pick<Decider<State, Message, Event>, 'evolve'>,
  before: State,
  events: readonly Event[],
): State {
  return events.reduce((state, happened) => deepFreeze(decider.evolve(state, deepFreeze(happened))), before);
}

function validMessage<Given extends Message>(definitions: MessageDefinitions, message: Given, name: string): Given {
  const { type } = message;
  const schema = Object.hasOwn(definitions, type) ? definitions[type]?.schema : undefined;
  if (schema === undefined) return message;
  return { ...message, data: deepFreeze(validatedAtOnce(schema, message.data, `the data of ${name}:${type}`)) };
}
