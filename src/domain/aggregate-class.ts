/**
 * What an application needs of aggregates that are written as classes: the contract between `Aggregate` and whoever
 * loads and saves.
 *
 * Construction: `new Class(id)` makes the aggregate as it is before its first event. Field initialisers and what the
 * constructor registers with `when` are all that may happen there; it applies no event and has no effect outside, because
 * it runs again at every load. `emptyAggregate` in `aggregate.ts` does it and checks that no event was applied.
 *
 * Loading: an empty aggregate, then `restore` when there is a snapshot, then `replay` of the events after it.
 *
 * Saving: `pendingEvents` are recorded at `version - pendingEvents.length + 1` and following, then `markCommitted` is
 * told how many: commands may have applied more in the meantime.
 *
 * @module
 */
import type { Message, MessageDefinitions } from './message-types.js';

/** An aggregate that is an object: it has state, and changes it by events. */
export interface AggregateRoot<Event extends Message = Message> {
  /** A UUID in canonical form. */
  readonly id: string;
  /** How many events it has had, those that are not saved yet included. */
  readonly version: number;
  /** What was applied and is not saved yet, in its order. A new array each time. */
  readonly pendingEvents: readonly Event[];
  /**
   * Takes events that are recorded: each changes the state and counts, and none becomes pending.
   *
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) at an event that it has no handler for, and when there are pending
   *   events: what happened before cannot come after them
   */
  replay(events: Iterable<Message>): void;
  /** The first pending events are recorded. @param count - how many. @defaultValue all */
  markCommitted(count?: number): void;
  /**
   * The state, for a snapshot. It may share values with the aggregate: encode it, or copy it, before anything else
   * happens.
   */
  toSnapshot(): unknown;
  /**
   * Becomes what it was at a snapshot; for an empty aggregate.
   *
   * @param state - what `toSnapshot` gave, as the transcoder gives it back; the aggregate keeps it
   * @param version - the version then
   */
  restore(state: unknown, version: number): void;
}

/** A class of aggregates. Told apart from a decider by being a function. */
export interface AggregateClass<Root extends AggregateRoot = AggregateRoot> {
  /** The type of the aggregate, as `name` is a decider's. Not the class's own name, which a minifier changes. */
  readonly aggregateType: string;
  readonly events: MessageDefinitions;
  /** Version of the state's shape: a snapshot of another one is not used. */
  readonly stateVersion: number;
  /** See the construction contract above. */
  new (id: string): Root;
}

/** The union of the events of an aggregate, or of a class of them. */
export type AggregateEventOf<Root> =
  Root extends AggregateRoot<infer Event>
    ? Event
    : Root extends AggregateClass<AggregateRoot<infer Event>>
      ? Event
      : never;
