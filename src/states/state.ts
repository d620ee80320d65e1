/**
 * What a state is: a document by an id, written by hand, or kept from events.
 *
 * @module
 */
import type { Message } from '../domain/message-types.js';
import type { StandardSchema } from '../domain/standard-schema.js';
import { isAggregateClass, kindOf } from '../application/aggregates/aggregate-kind.js';
import type { AggregateDefinition } from '../application/aggregates/aggregate-kind.js';
import { topicsOfTypes, validateHandlers } from '../application/events/event-origin.js';
import type { EventOrigin, EventsOfOrigin } from '../application/events/event-origin.js';
import type { NotifiedEvent } from '../application/events/notified-event.js';
import { ProgrammingError } from '../persistence/errors.js';
import { validateCount, validateFunctions, validateList } from '../persistence/validation.js';
import { fieldNamed } from './state-filter.js';
import type { FieldOf, ListFieldOf, TextFieldOf } from './state-filter.js';

/**
 * A type of state, by its name. Made by {@link defineState}, {@link stateOf} and {@link stateFrom}.
 *
 * @typeParam Data - a document: what JSON can hold
 */
export interface State<Data = unknown> {
  /** Its table is `state_<name>`. */
  readonly name: string;
  /** What is written is validated by it, and stored as it gives it back. @defaultValue everything is taken */
  readonly schema: StandardSchema<unknown, Data> | undefined;
  /** The fields of each index. */
  readonly indexes: readonly (readonly string[])[];
  /** The fields whose words are found, in the order of their names. */
  readonly search: readonly string[];
  /** The fields that are lists with an index of what is in them, where the engine has one. */
  readonly lists: readonly string[];
  /** Of what documents look like: a file of a later one is not imported. */
  readonly version: number;
  /** How it follows from events. @defaultValue it is written by hand */
  readonly kept: KeptState<Data> | undefined;
}

/** How a state follows from events: made by `stateOf` and `stateFrom`. */
export interface KeptState<Data = unknown> {
  /** Whose events they are, for messages. */
  readonly of: string;
  readonly topics: readonly string[];
  /** Whether something is kept beside the document that it is made of. */
  readonly hasSource: boolean;
  readonly idOf: (event: NotifiedEvent) => string;
  // A method, so that a state of some data is a state of any.
  evolve(before: KeptRow<Data> | undefined, event: NotifiedEvent): KeptRow<Data>;
}

/** What is kept of one id. */
export interface KeptRow<Data = unknown> {
  readonly version: number;
  /** `undefined`: there is no such state (any more). */
  readonly data: Data | undefined;
  readonly source?: unknown;
}

/** What {@link defineState} is given. */
export interface StateDefinition<Data> {
  /** 1 to 24 lower case letters, digits and underscores, a letter first. */
  readonly name: string;
  /** Zod, Valibot, ArkType, or another. Its defaults are those of the state. */
  readonly schema: StandardSchema<unknown, Data>;
  /** A field or several for each index. @defaultValue none: what is found by other fields than the id is looked for in all */
  readonly indexes?: readonly (FieldOf<NoInfer<Data>> | readonly FieldOf<NoInfer<Data>>[])[];
  /**
   * The texts, and lists of texts, whose words are found by the option `search` of `find`. On PostgreSQL by an index; in SQLite by
   * one where it has FTS5, as it has in Node; elsewhere, as in browsers, each state is looked at. Of a document its first
   * 10,000 different words count, and of a word its first 64 characters.
   *
   * @defaultValue none
   */
  readonly search?: readonly TextFieldOf<NoInfer<Data>>[];
  /** The lists whose values are found (`has`) by an index, on PostgreSQL; elsewhere each state is looked at. @defaultValue none */
  readonly lists?: readonly ListFieldOf<NoInfer<Data>>[];
  /** Raise it when documents look otherwise, so that an older release refuses to import what it does not know. @defaultValue 1 */
  readonly version?: number;
}

/**
 * Defines a state that is written by hand (`StateStore.put`).
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is none, or an index has no field
 *
 * @example
 * ```ts
 * const settings = defineState({
 *   name: 'settings',
 *   schema: v.object({ theme: v.optional(v.picklist(['light', 'dark']), 'light') }),
 * });
 * await states.put(settings, 'anna', {});
 * await states.fetch(settings, 'anna'); // { id: 'anna', version: 1, data: { theme: 'light' } }
 * ```
 */
export function defineState<Data>({
  name,
  schema,
  indexes,
  search,
  lists,
  version = 1,
}: StateDefinition<Data>): State<Data> {
  validateCount(`The version of the state ${name}`, version);
  return { ...checkedNames({ name, indexes, search, lists }), version, schema, kept: undefined };
}

/** The state of a decider, or what an instance of a class is made of (`toSnapshot`). */
export type AggregateState<Definition> = Definition extends { initialState(): infer Data }
  ? Data
  : Definition extends new (id: string) => infer Instance
    ? Instance
    : unknown;

/** What {@link stateOf} is given beside the aggregate. */
export interface StateOfOptions<Definition, Data> {
  /** As in {@link StateDefinition}. */
  readonly name: string;
  /**
   * The document of an aggregate; `undefined` where it has none, as when it was closed.
   *
   * @param state - of the decider, or an instance of the class, which is not to be changed
   * @defaultValue the decider's state, which has to be plain JSON then; a class needs it
   */
  readonly map?: (
    state: AggregateState<Definition>,
    at: { readonly id: string; readonly version: number },
  ) => Data | undefined;
  /** @defaultValue everything is taken */
  readonly schema?: StandardSchema<unknown, Data>;
  /** As in {@link StateDefinition}. */
  readonly indexes?: readonly (FieldOf<NoInfer<Data>> | readonly FieldOf<NoInfer<Data>>[])[];
  /** As in {@link StateDefinition}. Where it comes to a state that is there, that is to be built anew. */
  readonly search?: readonly TextFieldOf<NoInfer<Data>>[];
  /** As in {@link StateDefinition}. */
  readonly lists?: readonly ListFieldOf<NoInfer<Data>>[];
  /** Raise it when `map`, or the aggregate, makes something else of the same events. @defaultValue 1 */
  readonly version?: number;
}

/**
 * The state of each aggregate of a type, under its id and at its version, kept from its events.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) as `defineState`, and when a class comes without `map`
 *
 * @example
 * ```ts
 * const stock = stateOf(stockItem, { name: 'stock', indexes: ['quantity'] });
 * const few = await states.find(stock, { where: { quantity: { lt: 5 } }, orderBy: 'quantity' });
 * ```
 */
export function stateOf<Definition extends AggregateDefinition, Data = AggregateState<Definition>>(
  aggregate: Definition,
  { name, map, schema, indexes, search, lists, version = 1 }: StateOfOptions<Definition, Data>,
): State<Data> {
  const kind = kindOf(aggregate);
  if (map === undefined && isAggregateClass(aggregate)) {
    throw new ProgrammingError(
      `The state ${name} is of the class ${kind.name}: give it map, which says what a document is.`,
    );
  }
  validateCount(`The version of the state ${name}`, version);
  validateFunctions({ map });
  const topics = topicsOfTypes(`The state ${name}`, Object.keys(kind.events), [aggregate]);
  const evolve = (before: KeptRow<Data> | undefined, event: NotifiedEvent): KeptRow<Data> => {
    const { originatorId: id, originatorVersion } = event;
    const was = map === undefined ? before?.data : before?.source;
    const begun = was === undefined ? kind.empty(id) : kind.fromSnapshot(id, before?.version ?? 0, was);
    const current = kind.fold(begun, [event]);
    const at = { version: originatorVersion };
    if (map === undefined) return { ...at, data: current as Data };
    const data = map(current as AggregateState<Definition>, { id, version: originatorVersion });
    return { ...at, data, source: kind.toSnapshot(current) };
  };
  const kept = { of: kind.name, topics, hasSource: map !== undefined, idOf: originatorOf, evolve };
  return { ...checkedNames({ name, indexes, search, lists }), version, schema, kept };
}

/** A function for each type of event that matters, which gives the document after it; `undefined`: there is none any more. */
export type StateHandlers<Event extends Message, Data> = {
  readonly [Type in Event['type']]?: (
    data: Data | undefined,
    event: NotifiedEvent<Extract<Event, { readonly type: Type }>>,
  ) => Data | undefined;
};

/** What {@link stateFrom} is given. */
export interface StateFromDefinition<Origins extends readonly EventOrigin[], Data> {
  /** As in {@link StateDefinition}. */
  readonly name: string;
  readonly from: Origins;
  /** Pure: they give a new document, and leave the one before as it was. */
  readonly on: StateHandlers<EventsOfOrigin<Origins[number]>, Data>;
  /** Which state an event is about. @defaultValue that of its aggregate's id */
  readonly idOf?: (event: NotifiedEvent<EventsOfOrigin<Origins[number]>>) => string;
  readonly schema: StandardSchema<unknown, Data>;
  /** As in {@link StateDefinition}. */
  readonly indexes?: readonly (FieldOf<NoInfer<Data>> | readonly FieldOf<NoInfer<Data>>[])[];
  /** As in {@link StateDefinition}. Where it comes to a state that is there, that is to be built anew. */
  readonly search?: readonly TextFieldOf<NoInfer<Data>>[];
  /** As in {@link StateDefinition}. */
  readonly lists?: readonly ListFieldOf<NoInfer<Data>>[];
  /** Raise it when a handler makes something else of the same events. @defaultValue 1 */
  readonly version?: number;
}

/**
 * A state that follows from events of any aggregates. Its version counts the events that it has had.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) as `defineState`, and when a handler is for an event that no origin has
 *
 * @example
 * ```ts
 * const shelves = stateFrom({
 *   name: 'shelves',
 *   from: [stockItem],
 *   schema: v.object({ items: v.number() }),
 *   idOf: (event) => event.data.shelf,
 *   on: { Placed: (shelf) => ({ items: (shelf?.items ?? 0) + 1 }) },
 * });
 * ```
 */
export function stateFrom<const Origins extends readonly EventOrigin[], Data>(
  definition: StateFromDefinition<Origins, Data>,
): State<Data> {
  const { name, from, schema, indexes, search, lists, version = 1 } = definition;
  validateCount(`The version of the state ${name}`, version);
  const handlers = definition.on as Readonly<
    Record<string, ((data: Data | undefined, event: NotifiedEvent) => Data | undefined) | undefined>
  >;
  validateHandlers(`The state ${name}`, handlers);
  validateFunctions({ idOf: definition.idOf });
  const topics = topicsOfTypes(`The state ${name}`, Object.keys(handlers), from);
  const idOf = (definition.idOf as ((event: NotifiedEvent) => string) | undefined) ?? originatorOf;
  const evolve = (before: KeptRow<Data> | undefined, event: NotifiedEvent): KeptRow<Data> => ({
    version: (before?.version ?? 0) + 1,
    data: handlers[event.type]?.(before?.data, event),
  });
  return {
    ...checkedNames({ name, indexes, search, lists }),
    version,
    schema,
    kept: { of: 'events', topics, hasSource: false, idOf, evolve },
  };
}

function originatorOf({ originatorId }: NotifiedEvent): string {
  return originatorId;
}

interface StateNames {
  readonly name: string;
  readonly indexes: readonly (string | readonly string[])[] | undefined;
  readonly search: readonly string[] | undefined;
  readonly lists: readonly string[] | undefined;
}

function checkedNames({
  name,
  indexes = [],
  search = [],
  lists = [],
}: StateNames): Pick<State, 'name' | 'indexes' | 'search' | 'lists'> {
  if (typeof name !== 'string' || !/^[a-z][a-z0-9_]{0,23}$/.test(name)) {
    throw new ProgrammingError(
      `${JSON.stringify(name)} cannot name a state: 1 to 24 lower case letters, digits and underscores are needed, a letter first.`,
    );
  }
  validateList(`The indexes of the state ${name}`, indexes);
  return {
    name,
    indexes: indexes.map((fields) => indexFields(name, typeof fields === 'string' ? [fields] : fields)),
    search: fieldsOnce(name, 'search', search).toSorted(),
    lists: fieldsOnce(name, 'lists', lists),
  };
}

function fieldsOnce(name: string, option: string, fields: readonly string[]): readonly string[] {
  const checked = Array.isArray(fields) ? (fields as readonly string[]).map(fieldNamed) : [];
  if (Array.isArray(fields) && new Set(checked).size === checked.length) return checked;
  throw new ProgrammingError(`${option} of the state ${name} must be a list of fields, each once.`);
}

/**
 * The fields of an index.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is none, or one is there twice
 * @internal
 */
export function indexFields(name: string, fields: readonly string[]): readonly string[] {
  validateList(`An index of the state ${name}`, fields);
  const checked = fields.map(fieldNamed);
  // PostgreSQL takes 32 columns in an index, and a field has two keys there.
  if (checked.length > 0 && checked.length <= 16 && new Set(checked).size === checked.length) return checked;
  throw new ProgrammingError(`An index of the state ${name} needs 1 to 16 fields, each once.`);
}
