/**
 * The kernel of an application: pure functions that decide what happens, and what has become of it.
 *
 * ```text
 * command ──▶ decide(command, state) ──▶ events ──▶ evolve(state, event) ──▶ state
 * ```
 *
 * Invariants:
 * 1. `decide` and `evolve` are pure and synchronous: no clock, no randomness, no I/O. Ids and times come in with the
 *    command. So a command can be decided again, later, on newer state.
 * 2. State is never changed, only replaced.
 * 3. An event that `evolve` does not know is an error: to pass it over would corrupt the state without a word.
 *
 * Source of the pattern: Jérémie Chassaing, "Functional Event Sourcing Decider" (2021).
 *
 * @module
 */
import { EventHandlerError } from './domain-errors.js';
import type { DataOf, Message, MessageDefinitions, MessageOf } from './message-types.js';

/** Decides commands, and evolves state by events. */
export interface Decider<State, Command extends Message, Event extends Message> {
  /**
   * @returns the events that the command makes happen, in their order; none when there is nothing to do
   * @throws whatever the domain says no with, a `CommandError` for example
   */
  decide(command: Command, state: State): readonly Event[];
  /**
   * @returns the state after the event; the one before stays as it was
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when it does not know the event
   */
  evolve(state: State, event: Event): State;
  /** The state of an aggregate that has no events. */
  initialState(): State;
}

/** A decider with a name, and with everything that storing its events takes. Made by {@link defineDecider}. */
export interface DefinedDecider<State, Command extends Message, Event extends Message> extends Decider<
  State,
  Command,
  Event
> {
  /** The type of the aggregate. */
  readonly name: string;
  readonly events: MessageDefinitions;
  readonly commands: MessageDefinitions;
  /** Version of the state's shape: a snapshot of another one is not used. */
  readonly stateVersion: number;
}

/** The state of a decider. */
export type StateOf<D> = D extends { initialState(): infer State } ? State : never;
/** The union of a decider's commands. */
export type CommandOf<D> = D extends { decide(command: infer Command, state: never): unknown } ? Command : never;
/** The union of a decider's events. */
export type EventOf<D> = D extends { evolve(state: never, event: infer Event): unknown } ? Event : never;

/** A function for each type of command. */
export type DecideHandlers<State, Commands extends MessageDefinitions, Event extends Message> = {
  readonly [Type in keyof Commands & string]: (
    command: Message<Type, DataOf<Commands[Type]>>,
    state: State,
  ) => Event | readonly Event[];
};

/** A function for each type of event. */
export type EvolveHandlers<State, Events extends MessageDefinitions> = {
  readonly [Type in keyof Events & string]: (state: State, event: Message<Type, DataOf<Events[Type]>>) => State;
};

/** What {@link defineDecider} is given. */
export interface DeciderDefinition<State, Commands extends MessageDefinitions, Events extends MessageDefinitions> {
  /** The type of the aggregate: part of the topic of its events, so do not change it once there are any. */
  readonly name: string;
  readonly events: Events;
  readonly commands: Commands;
  readonly initialState: () => State;
  /** One function, or one for each type of command. */
  readonly decide:
    | ((command: MessageOf<Commands>, state: NoInfer<State>) => MessageOf<Events> | readonly MessageOf<Events>[])
    | DecideHandlers<NoInfer<State>, Commands, MessageOf<Events>>;
  /** One function, or one for each type of event. */
  readonly evolve: ((state: State, event: MessageOf<Events>) => State) | EvolveHandlers<State, Events>;
  /** Version of the state's shape. Raise it when older snapshots cannot be used any more. @defaultValue 1 */
  readonly stateVersion?: number;
}

/**
 * Defines a decider. Types of events and commands come from their definitions, the type of the state from `initialState`.
 * A handler that gives back a state with literals names its type: `(state): OrderState => ({ ...state, status: 'placed' })`;
 * the compiler takes `'placed'` for any text otherwise.
 *
 * @example
 * ```ts
 * const stockItem = defineDecider({
 *   name: 'StockItem',
 *   events: { Counted: event<{ quantity: number }>() },
 *   commands: { Count: command<{ quantity: number }>() },
 *   initialState: () => ({ quantity: 0 }),
 *   decide: {
 *     Count: ({ data }, state) => (data.quantity === state.quantity ? [] : { type: 'Counted', data }),
 *   },
 *   evolve: {
 *     Counted: (_state, { data }) => ({ quantity: data.quantity }),
 *   },
 * });
 * ```
 */
export function defineDecider<State, Commands extends MessageDefinitions, Events extends MessageDefinitions>(
  definition: DeciderDefinition<State, Commands, Events>,
): DefinedDecider<State, MessageOf<Commands>, MessageOf<Events>> {
  type Command = MessageOf<Commands>;
  type Event = MessageOf<Events>;
  const { name, events, commands, initialState, stateVersion = 1 } = definition;
  const decide = oneFunction<[Command, State]>(definition.decide, ([command]) => command.type);
  const evolve = oneFunction<[State, Event]>(definition.evolve, ([, event]) => event.type);
  return {
    name,
    events,
    commands,
    stateVersion,
    initialState,
    decide: (command, state) => {
      const decided = decide(command, state) ?? unknownType(`The aggregate ${name} knows no command`, command.type);
      return Array.isArray(decided) ? (decided as readonly Event[]) : [decided as Event];
    },
    evolve: (state, happened) => {
      // Asked by the definitions: a function of the caller's may give back the state for an event that it does not know.
      if (!Object.hasOwn(events, happened.type))
        unknownType(`The aggregate ${name} has no handler for the event`, happened.type);
      return evolve(state, happened) as State;
    },
  };
}

/** The function itself, or the one among several that a message is for; `undefined` when there is none. */
function oneFunction<Arguments extends readonly unknown[]>(
  given: unknown,
  typeOf: (given: Arguments) => string,
): (...given: Arguments) => unknown {
  if (typeof given === 'function') return given as (...given: Arguments) => unknown;
  const handlers = given as Readonly<Record<string, (...given: Arguments) => unknown>>;
  return (...given) => {
    const type = typeOf(given);
    return Object.hasOwn(handlers, type) ? handlers[type]?.(...given) : undefined;
  };
}

function unknownType(what: string, type: string): never {
  throw new EventHandlerError(`${what} ${type}. Nothing was changed.`, { details: { type } });
}
