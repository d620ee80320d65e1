/**
 * What came of a specified command, and what can be expected of it: the same for deciders, aggregates, and whatever else
 * makes events of something given.
 *
 * @module
 */
import type { Message } from '../../domain/message-types.js';
import { show } from '../shown-value.js';
import { listed, requireSame, requireSameMessages, SpecificationError } from './specification-error.js';
import { requireError } from './specified-error.js';
import type { ExpectedError } from './specified-error.js';

/** What came of it, as a specification found out. */
export interface SpecifiedResult<Event extends Message, State> {
  /** What was given and done, for messages: `Order, given 1 event, when PayOrder {}`. */
  readonly story: string;
  /** What was thrown, in a list, because `undefined` can be; empty when nothing was. */
  readonly thrown: readonly unknown[];
  /** What happened; nothing, when something was thrown. */
  readonly events: readonly Event[];
  /** Afterwards; as it was before, when something was thrown. */
  readonly state: State;
}

/** What can still be expected when the events are as expected. */
export interface StateExpectation<State> {
  /** @throws SpecificationError when the state is another afterwards */
  thenState(expected: State): void;
}

/**
 * What came of a command. Expect something of it: until then nothing has been checked.
 *
 * It is not a promise, although it has a method `then`: do not await or return it.
 */
export interface SpecificationOutcome<Event extends Message, State> extends StateExpectation<State> {
  /** @throws SpecificationError when these events, in this order, are not what happened */
  then(events: readonly Event[]): StateExpectation<State>;
  /** @throws SpecificationError when something happened, or something was thrown */
  thenNothing(): StateExpectation<State>;
  /**
   * @param expected - a class, a pattern for the message, or `{ code, message, details }`. @defaultValue whatever error
   * @throws SpecificationError when nothing was thrown, or something else
   */
  thenThrows(expected?: ExpectedError): StateExpectation<State>;
}

/** Makes the expectations of a result. */
export function outcomeOf<Event extends Message, State>(
  result: SpecifiedResult<Event, State>,
): SpecificationOutcome<Event, State> {
  const { story, thrown, events, state } = result;
  const afterwards: StateExpectation<State> = {
    thenState: (expected) => requireSame(story, 'the state', state, expected),
  };
  const thenEvents = (expected: readonly Event[]): StateExpectation<State> => {
    requireNothingThrown(result, listed(expected));
    requireSameMessages(story, events, expected);
    return afterwards;
  };
  return {
    then: thenEvents,
    thenNothing: () => thenEvents([]),
    thenThrows(expected) {
      if (thrown.length === 0) throw new SpecificationError(`${story}: expected an error, got ${listed(events)}`);
      requireError(story, thrown[0], expected);
      return afterwards;
    },
    thenState(expected) {
      requireNothingThrown(result, `the state ${show(expected)}`);
      afterwards.thenState(expected);
    },
  };
}

function requireNothingThrown({ story, thrown }: SpecifiedResult<Message, unknown>, expected: string): void {
  if (thrown.length === 0) return;
  const message = `${story}:\nexpected ${expected}\nbut it threw ${show(thrown[0])}`;
  throw new SpecificationError(message, { cause: thrown[0] });
}
