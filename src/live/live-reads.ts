/**
 * What a query reads by, and what it has read: that decides when it is asked again.
 *
 * @module
 */
import type { AggregateDefinition } from '../application/aggregates/aggregate-kind.js';
import type { EventsOf, LoadedAs } from '../application/aggregates/repository.js';
import type { Application } from '../application/application.js';
import type { NotifiedEvent } from '../application/events/notified-event.js';
import type { ReadEventsOptions } from '../application/selection.js';
import { NotSupportedError } from '../persistence/errors.js';
import type { StoreChanges } from '../persistence/store-changes.js';
import type { SqlQueryable, SqlResult } from '../persistence/sql/sql-queryable.js';
import type { OriginatorId } from '../persistence/stored-event.js';
import type {
  CountOptions,
  FindOptions,
  FoundState,
  PageOptions,
  StatePage,
  StateReader,
} from '../states/state-store.js';
import type { State } from '../states/state.js';
import type { Where } from '../states/state-filter.js';

const UNITS_TABLE = 'daybook_units';

/** What of an application a query reads. */
export type LiveApplication = Pick<Application, 'repository' | 'readAll'>;

/** What is read, by names. */
export interface ReadNames {
  /** The caller's own, those of projections and states, `stored_events`; `daybook_units` for how units stand. */
  readonly tables?: readonly string[];
  /** Whose events. */
  readonly aggregates?: readonly OriginatorId[];
  /** Whether it is events of any aggregate. */
  readonly log?: boolean;
}

/**
 * What a query reads by. Whatever is read so is noted: the query runs again when it was written. What is read by other means
 * has to be named (`note`).
 */
export interface LiveReads extends SqlQueryable {
  /** Reads by SQL. The tables are those that the engine says it reads, also through views. */
  readonly query: (text: string, values?: unknown[]) => Promise<SqlResult>;
  /** As `StateStore.fetch`. */
  readonly fetch: <Data>(states: StateReader, state: State<Data>, id: string) => Promise<FoundState<Data> | undefined>;
  /** As `StateStore.find`. */
  readonly find: <Data, Field extends keyof Data & string = keyof Data & string>(
    states: StateReader,
    state: State<Data>,
    options?: FindOptions<Data, Field>,
  ) => Promise<readonly FoundState<Pick<Data, Field>>[]>;
  /** As `StateStore.page`. */
  readonly page: <Data, Field extends keyof Data & string = keyof Data & string>(
    states: StateReader,
    state: State<Data>,
    options?: PageOptions<Data, Field>,
  ) => Promise<StatePage<Pick<Data, Field>>>;
  /** As `StateStore.count`. */
  readonly count: <Data>(
    states: StateReader,
    state: State<Data>,
    where?: Where<Data>,
    options?: CountOptions,
  ) => Promise<number>;
  /** An aggregate, or what it is before its first event: as `Repository.loadOrCreate`. */
  readonly load: <Definition extends AggregateDefinition>(
    app: LiveApplication,
    definition: Definition,
    id: string,
  ) => Promise<LoadedAs<Definition>>;
  /** Events in their order: as `Application.readAll`, all of them at once. */
  readonly events: <Definition extends AggregateDefinition = AggregateDefinition>(
    app: LiveApplication,
    options?: ReadEventsOptions<Definition>,
  ) => Promise<readonly NotifiedEvent<EventsOf<Definition>>[]>;
  /** Notes what is read by other means. */
  readonly note: (names: ReadNames) => void;
}

/** What was read in one run of a query. */
export class NotedReads {
  /** `undefined`: nobody knows which. */
  #tables: Set<string> | undefined = new Set();
  readonly #aggregates = new Set<OriginatorId>();
  #readsLog = false;

  note({ tables = [], aggregates = [], log = false }: ReadNames): void {
    for (const table of tables) {
      // SQLite's own change with any of the others.
      if (/^sqlite_/i.test(table)) this.#tables = undefined;
      else this.#tables?.add(nameOf(table));
    }
    for (const id of aggregates) this.#aggregates.add(id);
    if (log) this.#readsLog = true;
  }

  noteAnyTable(): void {
    this.#tables = undefined;
  }

  /** Whether it is decoded from events, whose personal fields may be gone. */
  get hasEvents(): boolean {
    return this.#readsLog || this.#aggregates.size > 0;
  }

  /** Whether some of it may be another one now. */
  isTouched({ tables, aggregates }: StoreChanges): boolean {
    const read = this.#tables;
    if (read === undefined) return true;
    if (tables === undefined ? read.size > 0 : tables.some((table) => read.has(nameOf(table)))) return true;
    if (aggregates === undefined) return this.hasEvents;
    return (this.#readsLog && aggregates.length > 0) || aggregates.some((id) => this.#aggregates.has(id));
  }
}

/** Daybook's own tables about units are written together. */
function nameOf(table: string): string {
  const name = table.toLowerCase();
  return name.startsWith('daybook_') ? 'daybook_' : name;
}

/** Which tables a statement reads; `undefined` where nobody knows. */
export type TablesReadBy = (text: string, values: unknown[]) => Promise<readonly string[] | undefined>;

/** Implements {@link LiveReads} for one run. */
export class RunReads implements LiveReads {
  readonly noted: NotedReads = new NotedReads();
  readonly #sql: SqlQueryable | undefined;
  readonly #tablesReadBy: TablesReadBy;

  constructor(sql: SqlQueryable | undefined, tablesReadBy: TablesReadBy) {
    this.#sql = sql;
    this.#tablesReadBy = tablesReadBy;
  }

  // All of them may be passed on without their object, as helpers take them.
  readonly query: LiveReads['query'] = async (text, values = []) => {
    // Asked together, so that they go in one crossing.
    const [result] = await Promise.all([this.#ask(text, values), this.#noteTablesOf(text, values)]);
    return result;
  };

  readonly fetch: LiveReads['fetch'] = async (states, state, id) => {
    this.#noteState(state);
    return await states.fetch(state, id);
  };

  readonly find: LiveReads['find'] = async (states, state, options) => {
    this.#noteState(state);
    return await states.find(state, options);
  };

  readonly page: LiveReads['page'] = async (states, state, options) => {
    this.#noteState(state);
    return await states.page(state, options);
  };

  readonly count: LiveReads['count'] = async (states, state, where, options) => {
    this.#noteState(state);
    return await states.count(state, where, options);
  };

  readonly load: LiveReads['load'] = async (app, definition, id) => {
    this.note({ aggregates: [id] });
    return await app.repository.loadOrCreate(definition, id);
  };

  readonly events: LiveReads['events'] = async <Definition extends AggregateDefinition = AggregateDefinition>(
    app: LiveApplication,
    options?: ReadEventsOptions<Definition>,
  ): Promise<readonly NotifiedEvent<EventsOf<Definition>>[]> => {
    // What a server says of them is written with the units.
    this.note({ log: true, tables: options?.withServer === true ? [UNITS_TABLE] : [] });
    const events: NotifiedEvent<EventsOf<Definition>>[] = [];
    for await (const event of app.readAll(options)) events.push(event);
    return events;
  };

  readonly note: LiveReads['note'] = (names) => this.noted.note(names);

  #noteState<Data>({ name }: State<Data>): void {
    this.note({ tables: [`state_${name}`] });
  }

  async #ask(text: string, values: unknown[]): Promise<SqlResult> {
    if (this.#sql === undefined) throw withoutSql();
    return await this.#sql.query(text, values);
  }

  async #noteTablesOf(text: string, values: unknown[]): Promise<void> {
    const tables = await this.#tablesReadBy(text, values);
    if (tables === undefined) this.noted.noteAnyTable();
    else this.note({ tables });
  }
}

function withoutSql(): NotSupportedError {
  return new NotSupportedError(
    'This store has no SQL: read states, aggregates and events, or note what is read by other means.',
  );
}
