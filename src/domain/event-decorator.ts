/**
 * Aggregates whose command methods are the handlers of their own events: `@event('TrickAdded')` makes a method apply an
 * event, and its body what the event changes.
 *
 * Uses the decorators of ECMAScript (TypeScript's `experimentalDecorators` is off). Where the tools at hand do not compile
 * them, handlers are written as methods or with `when`: see `Aggregate`.
 *
 * @module
 */
import { REGISTER_HANDLER } from './aggregate.js';
import type { Aggregate, DataArgument } from './aggregate.js';
import type { AggregateEventOf, AggregateRoot } from './aggregate-class.js';
import { event as defineEvent } from './message-types.js';
import type { EventOptions, MessageDefinition, NoData } from './message-types.js';
import type { SchemaOutput, StandardSchema } from './standard-schema.js';

/** The data of one of an aggregate's types of events. */
export type EventDataOf<Root extends AggregateRoot, Type extends string> = Extract<
  AggregateEventOf<Root>,
  { readonly type: Type }
>['data'];

type RequiredKeyOf<Data> = { [Key in keyof Data]-?: object extends Pick<Data, Key> ? never : Key }[keyof Data];

declare const NO_ARGUMENT_FITS: unique symbol;

/** Stands where no argument fits: of `never` the compiler would believe that every argument does. */
export interface NoArgumentFits {
  readonly [NO_ARGUMENT_FITS]: true;
}

/**
 * The arguments of a method that applies an event: the data, or the values of its keys in the order of their names. No
 * method fits when there is no such event, a name is not a key, or a key that is required is not named.
 */
export type EventArguments<Data, Names extends readonly string[]> = [Data] extends [never]
  ? readonly [NoArgumentFits]
  : Names extends readonly []
    ? DataArgument<Data>
    : RequiredKeyOf<Data> extends Names[number]
      ? { readonly [Index in keyof Names]: Names[Index] extends keyof Data ? Data[Names[Index]] : NoArgumentFits }
      : readonly [NoArgumentFits];

/**
 * Makes a method apply an event. Made by {@link event}.
 *
 * An intersection, not a plain function type: the compiler puts off calls of what may return a function, and would infer
 * nothing from `event()` and `event(schema)` in a definition.
 */
export type EventMethodDecorator<Type extends string, Names extends readonly string[]> = (<
  Root extends Aggregate,
  Given extends EventArguments<EventDataOf<Root, Type>, Names>,
>(
  method: (this: Root, ...given: Given) => void,
  context: ClassMethodDecoratorContext<Root, (this: Root, ...given: Given) => void>,
) => (this: Root, ...given: Given) => void) & {
  /** The type of the event. */
  readonly eventType: Type;
};

/**
 * Decorates a method of an `Aggregate`: a call applies an event of this type, and the body is its handler. The body runs
 * again at every load, so that it may use what it is given and the state, and nothing else. Refuse before anything is
 * changed: when the body throws, nothing has happened.
 *
 * @param type - one of the aggregate's types of events
 * @param names - the keys of the data that the arguments stand for, in their order; none: the one argument is the data
 *
 * @example
 * ```ts
 * class Dog extends Aggregate.of('Dog', { TrickAdded: event<{ trick: string }>() }) {
 *   readonly tricks: string[] = [];
 *
 *   @event('TrickAdded', 'trick')
 *   addTrick(trick: string): void {
 *     this.tricks.push(trick);
 *   }
 * }
 * ```
 */
export function event<const Type extends string, const Names extends readonly string[]>(
  type: Type,
  ...names: Names
): EventMethodDecorator<Type, Names>;
/** Defines a type of event: see `event` of `message-types.ts`. */
export function event<Data extends object = NoData>(options?: EventOptions<Data>): MessageDefinition<Data>;
/** Defines a type of event whose data a schema validates. */
export function event<Schema extends StandardSchema<unknown, object>>(
  schema: Schema,
  options?: EventOptions<SchemaOutput<Schema>>,
): MessageDefinition<SchemaOutput<Schema>>;
export function event(first?: string | EventOptions | StandardSchema<unknown, object>, ...rest: unknown[]): unknown {
  if (typeof first === 'string') {
    return Object.assign(eventMethod(first, rest as readonly string[]), { eventType: first });
  }
  if (first === undefined || !('~standard' in first)) return defineEvent(first);
  return defineEvent(first, rest[0] as EventOptions | undefined);
}

type Method = (this: Aggregate, ...given: unknown[]) => void;

function eventMethod(
  type: string,
  names: readonly string[],
): (method: Method, context: ClassMethodDecoratorContext<Aggregate>) => Method {
  return (method, context) => {
    context.addInitializer(function registerBody() {
      this[REGISTER_HANDLER](type, (data: Readonly<Record<string, unknown>>) => {
        method.apply(this, names.length === 0 ? [data] : names.map((name) => data[name]));
      });
    });
    return function applyEvent(...given) {
      this.apply(type, names.length === 0 ? (given[0] as object | undefined) : dataOf(names, given));
    };
  };
}

/** What was not given is left out, as it is in JSON. */
function dataOf(names: readonly string[], given: readonly unknown[]): object {
  const entries = names.map((name, index) => [name, given[index]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
