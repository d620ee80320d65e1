/**
 * Deciders and aggregate classes, seen alike by what loads and saves them.
 *
 * @module
 */
import { emptyAggregate } from '../../domain/aggregate.js';
import type { AggregateClass, AggregateRoot } from '../../domain/aggregate-class.js';
import type { DefinedDecider } from '../../domain/decider.js';
import type { Message, MessageDefinitions } from '../../domain/message-types.js';

/** A decider of whatever state, commands and events. */
export type AnyDecider = DefinedDecider<unknown, Message, Message>;

/** What an application may be given: deciders and aggregate classes. */
export type AggregateDefinition = AnyDecider | AggregateClass;

/**
 * A type of aggregate. What it makes of events is opaque here: the state of a decider, which is never changed; or an
 * instance of a class, which is, and belongs to whoever loaded it.
 */
export interface AggregateKind {
  readonly name: string;
  readonly events: MessageDefinitions;
  readonly stateVersion: number;
  /** Whether what it makes may be handed to several at once. */
  readonly isShareable: boolean;
  /** Before the first event. */
  empty(id: string): unknown;
  /** @throws EventHandlerError (`EVENT_HANDLER_ERROR`) at an event that it does not know */
  fold(current: unknown, messages: Iterable<Message>): unknown;
  /** The state for a snapshot; it may share values. */
  toSnapshot(current: unknown): unknown;
  /** The reverse, of a state that is nobody else's. */
  fromSnapshot(id: string, version: number, state: unknown): unknown;
}

/** A class is told apart from a decider by being a function. */
export function isAggregateClass(definition: AggregateDefinition): definition is AggregateClass {
  return typeof definition === 'function';
}

/** How to load and save what a definition defines. */
export function kindOf(definition: AggregateDefinition): AggregateKind {
  return isAggregateClass(definition) ? kindOfClass(definition) : kindOfDecider(definition);
}

function kindOfDecider(decider: AnyDecider): AggregateKind {
  const { name, events, stateVersion } = decider;
  return {
    name,
    events,
    stateVersion,
    isShareable: true,
    empty: () => decider.initialState(),
    fold(current, messages) {
      let state = current;
      for (const message of messages) state = decider.evolve(state, message);
      return state;
    },
    toSnapshot: (current) => current,
    fromSnapshot: (_id, _version, state) => state,
  };
}

function kindOfClass(Class: AggregateClass): AggregateKind {
  const { aggregateType: name, events, stateVersion } = Class;
  return {
    name,
    events,
    stateVersion,
    isShareable: false,
    empty: (id) => emptyAggregate(Class, id),
    fold(current, messages) {
      (current as AggregateRoot).replay(messages);
      return current;
    },
    toSnapshot: (current) => (current as AggregateRoot).toSnapshot(),
    fromSnapshot(id, version, state) {
      const aggregate = emptyAggregate(Class, id);
      aggregate.restore(state, version);
      return aggregate;
    },
  };
}
