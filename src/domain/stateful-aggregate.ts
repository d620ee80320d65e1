/**
 * Aggregates that are classes and have a state of a type of their own, which changes in one place: a method that is given
 * each event, as `evolve` of a decider is. Commands stay methods of the class.
 *
 * ```text
 * order.ship() ──▶ apply('Shipped', data) ──▶ state = evolve(state, event) ──▶ version + 1 ──▶ pendingEvents
 * ```
 *
 * Beside the invariants of `Aggregate`:
 * 1. The state is replaced, not changed: an `evolve` that throws leaves it as it was.
 * 2. The state is all that a snapshot has.
 *
 * @module
 */
import { Aggregate, REGISTER_HANDLER } from './aggregate.js';
import { EventHandlerError } from './domain-errors.js';
import type { MessageDefinitions, MessageOf } from './message-types.js';

/** What a class of aggregates with a state extends. Made by {@link statefulAggregate}. */
export type StatefulAggregateBase<State, Events extends MessageDefinitions> = StatefulAggregateStatics<Events> &
  (abstract new (id: string) => StatefulAggregate<State, Events>);

/** What the base of a class has beside its constructor. */
export interface StatefulAggregateStatics<Events extends MessageDefinitions> {
  readonly aggregateType: string;
  readonly events: Events;
  /** @defaultValue 1 */
  readonly stateVersion: number;
}

/** Base of aggregates that are classes with a typed state. */
export abstract class StatefulAggregate<
  State,
  Events extends MessageDefinitions = MessageDefinitions,
> extends Aggregate<Events> {
  #state: State;

  /** @param id - a UUID in canonical form */
  constructor(id: string, initialState: State) {
    super(id);
    this.#state = initialState;
    for (const type of Object.keys(this.#class.events)) {
      this[REGISTER_HANDLER](type, (data: object) => this.#take({ type, data } as MessageOf<Events>));
    }
  }

  /** What the events have made of the initial state. */
  get state(): State {
    return this.#state;
  }

  /**
   * Gives the state after an event: the one place where it changes. It runs again at every load, so it uses the two that it
   * is given, and nothing else.
   *
   * @param state - the state before; leave it as it is
   */
  protected abstract evolve(state: State, event: MessageOf<Events>): State;

  override toSnapshot(): unknown {
    return this.#state;
  }

  protected override fromSnapshot(state: unknown): void {
    this.#state = state as State;
  }

  #take(event: MessageOf<Events>): void {
    const state = this.evolve(this.#state, event);
    // A method that changes the state it is given, and returns nothing, would lose it here, and be believed.
    if (state === undefined) throw this.#withoutState(event.type);
    this.#state = state;
  }

  get #class(): StatefulAggregateStatics<Events> {
    return this.constructor as unknown as StatefulAggregateStatics<Events>;
  }

  #withoutState(type: string): EventHandlerError {
    const { aggregateType } = this.#class;
    return new EventHandlerError(
      `The aggregate ${aggregateType} ${this.id} gave no state for the event ${type}. Return it from evolve.`,
      { details: { aggregateType, originatorId: this.id, type } },
    );
  }
}

/**
 * Makes the base of a class of aggregates whose state has a type of its own.
 *
 * A handler that the class registers with `when` takes the events of its type instead of `evolve`.
 *
 * @param aggregateType - part of the topic of its events, so do not change it once there are any
 * @param events - its types of events, by name
 * @param initialState - makes the state of an aggregate that has no events, anew for each
 *
 * @example
 * ```ts
 * interface OrderState {
 *   readonly status: 'new' | 'placed' | 'shipped';
 *   readonly items: readonly string[];
 * }
 *
 * const orderEvents = { Placed: event<{ items: string[] }>(), Shipped: event() };
 *
 * class Order extends statefulAggregate('Order', orderEvents, (): OrderState => ({ status: 'new', items: [] })) {
 *   place(items: string[]): void {
 *     if (this.version > 0) throw new Error('The order was placed before.');
 *     this.apply('Placed', { items });
 *   }
 *
 *   ship(): void {
 *     if (this.state.status !== 'placed') throw new Error(`The order is ${this.state.status}.`);
 *     this.apply('Shipped');
 *   }
 *
 *   protected override evolve(state: OrderState, event: AggregateEventOf<Order>): OrderState {
 *     switch (event.type) {
 *       case 'Placed':
 *         return { status: 'placed', items: event.data.items };
 *       case 'Shipped':
 *         return { ...state, status: 'shipped' };
 *     }
 *   }
 * }
 * ```
 */
export function statefulAggregate<State, Events extends MessageDefinitions>(
  aggregateType: string,
  events: Events,
  initialState: () => State,
): StatefulAggregateBase<State, Events> {
  abstract class Base extends StatefulAggregate<State, Events> {
    static readonly aggregateType = aggregateType;
    static readonly events = events;

    constructor(id: string) {
      super(id, initialState());
    }
  }
  return Base;
}
