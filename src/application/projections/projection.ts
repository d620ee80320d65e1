/**
 * What a projection is: events in, a read model out.
 *
 * @module
 */
import type { Message } from '../../domain/message-types.js';
import { ProgrammingError } from '../../persistence/errors.js';
import type { SqlResult } from '../../persistence/sql/sql-queryable.js';
import { topicsOfTypes, validateHandlers } from '../events/event-origin.js';
import type { EventOrigin, EventsOfOrigin } from '../events/event-origin.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import type { HandlerLimit } from '../log/handler-limit.js';
import { NAME_LENGTH_MAX, validateCount, validateFunction, validateText } from '../../persistence/validation.js';

/** A projection, as a runner takes it. Made by {@link sqlProjection} and {@link memoryProjection}. */
export interface Projection<View> {
  /** Its checkpoint and its dead letters are kept under this name. */
  readonly name: string;
  /** Of the handlers. @defaultValue 1 */
  readonly version?: number;
  /** The topics that it handles. Other events are not even read. */
  readonly topics: readonly string[];
  /**
   * Takes one event into the view. Called once for each event that counts; when it rejects, or throws, what it did is
   * taken back. It may be called again for the same event, on a view that has not seen it, so it has no effect outside
   * of the view.
   */
  handle(event: NotifiedEvent, view: View): Promise<void> | void;
}

/** A projection whose handler is given up when it takes too long. */
export function limited<P extends Projection<View>, View>(projection: P & Projection<View>, limit: HandlerLimit): P {
  return {
    ...projection,
    handle: (event: NotifiedEvent, view: View) => {
      const handling = projection.handle(event, view);
      // What is done at once was in time, and is not waited for.
      return handling === undefined ? undefined : limit.within(handling, 'handling', event);
    },
  };
}

/** A function for each type of event that matters. */
export type ProjectionHandlers<Event extends Message, View> = {
  readonly [Type in Event['type']]?: (
    event: NotifiedEvent<Extract<Event, { readonly type: Type }>>,
    view: View,
  ) => Promise<void> | void;
};

/** One function for every event of the origins, for views that take all of them alike. */
export type ProjectionHandler<Event extends Message, View> = (
  event: NotifiedEvent<Event>,
  view: View,
) => Promise<void> | void;

/** What the handlers of a {@link sqlProjection} write to. */
export interface SqlView<Table extends string = string> {
  /**
   * Runs a statement in the transaction of the view and its checkpoint. Do not catch what it rejects with: on PostgreSQL
   * the transaction is spoilt then. `ON CONFLICT` and the like ask beforehand.
   */
  readonly query: (text: string, values?: unknown[]) => Promise<SqlResult>;
  /** What the tables are called: by another name while the projection is built anew beside the one in use. */
  readonly tables: Readonly<Record<Table, string>>;
}

/** A projection into SQL tables. */
export interface SqlProjection<Table extends string = string> extends Projection<SqlView<Table>> {
  /** Creates a table, and its indexes if there are any. */
  readonly tables: Readonly<Record<Table, (table: string) => string | readonly string[]>>;
}

/** What {@link sqlProjection} is given. */
export interface SqlProjectionDefinition<Origins extends readonly EventOrigin[], Table extends string> {
  readonly name: string;
  /**
   * Raise it when a handler makes something else of the same events: a runner then builds the view anew. Other types of
   * events and other tables are noticed without. @defaultValue 1
   */
  readonly version?: number;
  readonly from: Origins;
  /**
   * The statements that create each table, by its name: lower case letters, digits and underscores. The function gets the
   * name to use, because the projection may be built anew beside the tables in use; put it into the names of indexes too.
   */
  readonly tables: Readonly<Record<Table, (table: string) => string | readonly string[]>>;
  /** A function for each type of event that matters; or one for all events of the origins. */
  readonly on:
    | ProjectionHandlers<EventsOfOrigin<Origins[number]>, SqlView<Table>>
    | ProjectionHandler<EventsOfOrigin<Origins[number]>, SqlView<Table>>;
}

/**
 * Defines a projection into SQL tables of the store: the browser's, SQLite's or PostgreSQL's.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a name is not one, or a handler is for an event that no origin has
 *
 * @example
 * ```ts
 * const stockLevels = sqlProjection({
 *   name: 'stock-levels',
 *   from: [stockItem],
 *   tables: {
 *     stock_levels: (table) => `CREATE TABLE ${table} (item_id TEXT PRIMARY KEY, quantity INTEGER NOT NULL)`,
 *   },
 *   on: {
 *     Counted: async ({ originatorId, data }, { query, tables }) => {
 *       await query(
 *         `INSERT INTO ${tables.stock_levels} VALUES ($1, $2) ON CONFLICT (item_id) DO UPDATE SET quantity = excluded.quantity`,
 *         [originatorId, data.quantity],
 *       );
 *     },
 *   },
 * });
 * ```
 */
export function sqlProjection<const Origins extends readonly EventOrigin[], Table extends string>(
  definition: SqlProjectionDefinition<Origins, Table>,
): SqlProjection<Table> {
  const { tables } = definition;
  for (const table of Object.keys(tables)) {
    if (!/^[a-z_][a-z0-9_]{0,40}$/.test(table)) {
      throw new ProgrammingError(
        `A table of the projection ${definition.name} is named ${JSON.stringify(table)}. Use lower case letters, digits and underscores, 41 at most.`,
      );
    }
  }
  return { ...base<SqlView<Table>>(definition), tables };
}

/** What the handlers of a {@link memoryProjection} write to. */
export interface MemoryView<State> {
  state: State;
}

/** A projection into memory. */
export interface MemoryProjection<State> extends Projection<MemoryView<State>> {
  readonly initialState: () => State;
}

/** A function for each type of event that matters, which gives the state after it. */
export type MemoryHandlers<Event extends Message, State> = {
  readonly [Type in Event['type']]?: (
    state: State,
    event: NotifiedEvent<Extract<Event, { readonly type: Type }>>,
  ) => State;
};

/** What {@link memoryProjection} is given. */
export interface MemoryProjectionDefinition<Origins extends readonly EventOrigin[], State> {
  readonly name: string;
  readonly from: Origins;
  readonly initialState: () => State;
  /** Pure: they give a new state, and leave the one before as it was. One function is for all events of the origins. */
  readonly on:
    | MemoryHandlers<EventsOfOrigin<Origins[number]>, State>
    | ((state: State, event: NotifiedEvent<EventsOfOrigin<Origins[number]>>) => State);
}

/**
 * Defines a projection into memory. It begins anew with every start of the program.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a handler is for an event that no origin has
 */
export function memoryProjection<const Origins extends readonly EventOrigin[], State>(
  definition: MemoryProjectionDefinition<Origins, State>,
): MemoryProjection<State> {
  type Evolve = (state: State, event: NotifiedEvent) => State;
  const handler =
    (evolve: Evolve) =>
    (event: NotifiedEvent, view: MemoryView<State>): void => {
      view.state = evolve(view.state, event);
    };
  const { name, from, initialState } = definition;
  validateFunction('initialState', initialState);
  validateHandlers(`The projection ${name}`, definition.on);
  const given = definition.on as Evolve | Readonly<Record<string, Evolve>>;
  const on =
    typeof given === 'function'
      ? handler(given)
      : Object.fromEntries(Object.entries(given).map(([type, evolve]) => [type, handler(evolve)]));
  return { ...base<MemoryView<State>>({ name, from, on }), initialState };
}

interface BaseDefinition {
  readonly name: string;
  readonly version?: number;
  readonly from: readonly EventOrigin[];
  readonly on: object;
}

function base<View>({ name, version = 1, from, on }: BaseDefinition): Projection<View> {
  validateText('The name of a projection', name, NAME_LENGTH_MAX);
  validateHandlers(`The projection ${name}`, on);
  type Handle = Projection<View>['handle'];
  const given = on as Handle | Readonly<Record<string, Handle>>;
  validateCount(`The version of the projection ${name}`, version);
  const types = typeof given === 'function' ? typesOf(from) : Object.keys(given);
  return {
    name,
    version,
    topics: topicsOfTypes(`The projection ${name}`, types, from),
    handle: typeof given === 'function' ? given : (event, view) => given[event.type]?.(event, view),
  };
}

function typesOf(origins: readonly EventOrigin[]): readonly string[] {
  return [...new Set(origins.flatMap(({ events }) => Object.keys(events)))];
}
