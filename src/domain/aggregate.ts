/**
 * Aggregates for those who think in classes: state in fields, commands as methods, a handler for each type of event.
 *
 * ```text
 * dog.addTrick('roll over') ──▶ apply('TrickAdded', data) ──▶ handler changes fields ──▶ version + 1 ──▶ pendingEvents
 * loading                   ──▶ replay(events)            ──▶ handler changes fields ──▶ version + 1
 * ```
 *
 * Invariants:
 * 1. Fields change in handlers only, so that replaying the events gives the same fields again.
 * 2. An event counts after its handler is done. One that has no handler, or whose handler throws, is neither counted nor
 *    pending. Refuse in the command, before `apply`: what a handler changed before it threw stays changed.
 * 3. A handler applies no events: it runs again at every load.
 *
 * @module
 */
import type { AggregateClass, AggregateRoot } from './aggregate-class.js';
import { EventHandlerError } from './domain-errors.js';
import type { DataOf, Message, MessageDefinition, MessageDefinitions, MessageOf, NoData } from './message-types.js';
import { plainCopy } from './plain-copy.js';

/** Registers a handler from outside of the class: for decorators. @internal */
export const REGISTER_HANDLER: unique symbol = Symbol('registerHandler');

/** Changes an aggregate by the data of an event. */
export type EventHandler<Data extends object = object> = (data: Data) => void;

/** The names of the types of events. */
export type EventTypeOf<Events extends MessageDefinitions> = keyof Events & string;

/** The data, that may be left out where there is none. */
export type DataArgument<Data> = NoData extends Data ? readonly [data?: Data] : readonly [data: Data];

/**
 * The `on` methods of an aggregate, one for each type of event: a class that implements it has them all, of the right
 * data. Not for a class that registers handlers with `when`.
 *
 * @example
 * ```ts
 * class Dog extends Aggregate.of('Dog', dogEvents) implements EventHandlers<typeof dogEvents> {
 * ```
 */
export type EventHandlers<Events extends MessageDefinitions> = {
  readonly [Type in EventTypeOf<Events> as `on${Capitalize<Type>}`]: EventHandler<DataOf<Events[Type]>>;
};

/** What a class of aggregates extends. Made by {@link Aggregate.of}. */
export interface AggregateBase<Events extends MessageDefinitions> {
  readonly aggregateType: string;
  readonly events: Events;
  /** @defaultValue 1 */
  readonly stateVersion: number;
  /** @param id - a UUID in canonical form */
  new (id: string): Aggregate<Events>;
}

/**
 * Base of aggregates that are classes.
 *
 * An event goes to the handler that is registered for its type with {@link Aggregate.when}, else to the method
 * `on<EventType>`, else to `on_<EventType>`.
 *
 * @example
 * ```ts
 * class Dog extends Aggregate.of('Dog', {
 *   Registered: event<{ name: string }>(),
 *   TrickAdded: event<{ trick: string }>(),
 * }) {
 *   name = '';
 *   readonly tricks: string[] = [];
 *
 *   static createId(name: string): string {
 *     return String(UUID.fromName(UUID.NAMESPACE_URL, `/dogs/${name}`));
 *   }
 *
 *   static register(name: string): Dog {
 *     const dog = new Dog(Dog.createId(name));
 *     dog.apply('Registered', { name });
 *     return dog;
 *   }
 *
 *   addTrick(trick: string): void {
 *     this.apply('TrickAdded', { trick });
 *   }
 *
 *   onRegistered({ name }: { name: string }): void {
 *     this.name = name;
 *   }
 *
 *   onTrickAdded({ trick }: { trick: string }): void {
 *     this.tricks.push(trick);
 *   }
 * }
 * ```
 */
export abstract class Aggregate<Events extends MessageDefinitions = MessageDefinitions> implements AggregateRoot<
  MessageOf<Events>
> {
  /** See {@link AggregateClass.stateVersion}. */
  static readonly stateVersion: number = 1;

  readonly #id: string;
  #version = 0;
  #pending: MessageOf<Events>[] = [];
  #dispatching = false;
  readonly #handlers = new Map<string, EventHandler<never>>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @param id - a UUID in canonical form */
  constructor(id: string) {
    this.#id = id;
  }

  /**
   * Makes the base of a class of aggregates.
   *
   * @param aggregateType - part of the topic of its events, so do not change it once there are any
   * @param events - its types of events, by name
   */
  static of<Events extends MessageDefinitions>(aggregateType: string, events: Events): AggregateBase<Events> {
    return class extends Aggregate<Events> {
      static readonly aggregateType = aggregateType;
      static readonly events = events;
    };
  }

  get id(): string {
    return this.#id;
  }

  get version(): number {
    return this.#version;
  }

  get pendingEvents(): readonly MessageOf<Events>[] {
    return [...this.#pending];
  }

  /** The version that the next event will have. */
  getNextVersion(): number {
    return this.#version + 1;
  }

  /**
   * Makes an event happen: its handler changes the state, and it is pending until the aggregate is saved. It is kept as
   * it is now: the state may go on to change what it was given.
   *
   * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when there is no handler; nothing was changed
   */
  apply<Type extends EventTypeOf<Events>>(type: Type, ...[given]: DataArgument<DataOf<Events[Type]>>): void {
    const data = (given ?? {}) as DataOf<Events[Type]>;
    const happened = { type, data: plainCopy(data) };
    this.#dispatch({ type, data });
    this.#pending.push(happened);
  }

  replay(events: Iterable<Message>): void {
    if (this.#pending.length > 0) {
      throw this.#refusal('has events that are not saved yet, and cannot take earlier ones after them');
    }
    for (const happened of events) this.#dispatch(happened);
  }

  markCommitted(count: number = this.#pending.length): void {
    this.#pending = this.#pending.slice(count);
  }

  /** The aggregate's own fields. Override it, and {@link Aggregate.fromSnapshot}, for a class with private fields. */
  toSnapshot(): unknown {
    return Object.fromEntries(Object.entries(this).filter(([, value]) => typeof value !== 'function'));
  }

  restore(state: unknown, version: number): void {
    this.fromSnapshot(state);
    this.#version = version;
  }

  /** Takes the state that {@link Aggregate.toSnapshot} gave. Fields that are not in it stay as the constructor made them. */
  protected fromSnapshot(state: unknown): void {
    Object.assign(this, state);
  }

  /**
   * Registers the handler of a type of event, in the constructor.
   *
   * @param type - its name, or its definition
   */
  protected when<Type extends EventTypeOf<Events>>(type: Type, handler: EventHandler<DataOf<Events[Type]>>): void;
  protected when<Definition extends Events[EventTypeOf<Events>]>(
    definition: Definition,
    handler: EventHandler<DataOf<Definition>>,
  ): void;
  protected when(event: string | MessageDefinition, handler: EventHandler<never>): void {
    this.#handlers.set(typeof event === 'string' ? event : this.#typeOf(event), handler);
  }

  /** @internal */
  [REGISTER_HANDLER](type: string, handler: EventHandler<never>): void {
    this.#handlers.set(type, handler);
  }

  #dispatch({ type, data }: Message): void {
    if (this.#dispatching) throw this.#refusal(`cannot apply ${type} while it handles another event`);
    const handler = this.#handlerOf(type) as EventHandler;
    this.#dispatching = true;
    try {
      handler.call(this, data);
    } finally {
      this.#dispatching = false;
    }
    this.#version += 1;
  }

  #handlerOf(type: string): EventHandler<never> {
    if (!Object.hasOwn(this.#class.events, type)) throw this.#refusal(`knows no event ${type}`, type);
    const handler = this.#handlers.get(type) ?? this.#methodFor(type);
    if (handler === undefined) throw this.#refusal(`has no handler for the event ${type}`, type);
    // Found once: events are many more than their types.
    this.#handlers.set(type, handler);
    return handler;
  }

  #methodFor(type: string): EventHandler<never> | undefined {
    const methods = this as unknown as Readonly<Record<string, unknown>>;
    const names = [`on${type.charAt(0).toUpperCase()}${type.slice(1)}`, `on_${type}`];
    return names.map((name) => methods[name]).find((method) => typeof method === 'function') as
      EventHandler<never> | undefined;
  }

  #typeOf(definition: MessageDefinition): string {
    const found = Object.entries(this.#class.events).find(([, candidate]) => candidate === definition);
    if (found === undefined) throw this.#refusal('was given a handler for an event that is not one of its own');
    return found[0];
  }

  get #class(): AggregateClass {
    return this.constructor as AggregateClass;
  }

  #refusal(reason: string, type?: string): EventHandlerError {
    const { aggregateType } = this.#class;
    return new EventHandlerError(`The aggregate ${aggregateType} ${this.#id} ${reason}. Nothing was changed.`, {
      details: { aggregateType, originatorId: this.#id, ...(type === undefined ? {} : { type }) },
    });
  }
}

/**
 * Makes an aggregate that has no events.
 *
 * @throws EventHandlerError (`EVENT_HANDLER_ERROR`) when the constructor applies events, against its contract: they would
 *   happen again at every load
 */
export function emptyAggregate<Root extends AggregateRoot>(Class: AggregateClass<Root>, id: string): Root {
  const aggregate = new Class(id);
  if (aggregate.version === 0) return aggregate;
  throw new EventHandlerError(
    `The constructor of the aggregate ${Class.aggregateType} applies an event. Apply it in a static method.`,
    { details: { aggregateType: Class.aggregateType } },
  );
}
