/**
 * Reads states of MongoDB.
 *
 * @module
 */
import type { MongoCollection, MongoSession } from '../persistence/mongodb/mongo-driver.js';
import type { Undo } from '../persistence/mongodb/mongo-log.js';
import type { State } from '../states/state.js';
import { checkedId, pick } from '../states/state-document.js';
import type { Condition, Where } from '../states/state-filter.js';
import { pageBy } from '../states/state-page.js';
import { queryOf, searchedConditionOf } from '../states/state-query.js';
import type { StateQuery } from '../states/state-query.js';
import type {
  CountOptions,
  FindOptions,
  FoundState,
  PageOptions,
  StatePage,
  StateReader,
} from '../states/state-store.js';
import { toFoundState } from './mongo-state-documents.js';
import { filterOf, pathOf, sortOf } from './mongo-state-filter.js';

/** Where calls are made: each in a session of its own, or all in that of a transaction. Errors that it throws are Daybook's. */
export interface MongoStateCalls {
  /** @param work - says how it is undone, where it changes something */
  run<T>(work: (session: MongoSession, undoneBy: (undo: Undo) => void) => Promise<T>): Promise<T>;
}

/** Where the documents of a state are. @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none of the store */
export type DocumentsOf = <Data>(state: State<Data>) => MongoCollection;

type Document = Readonly<Record<string, unknown>>;

/** Implements {@link StateReader} by calls. */
export class MongoStateReader implements StateReader {
  protected readonly calls: MongoStateCalls;
  protected readonly documentsOf: DocumentsOf;

  constructor(calls: MongoStateCalls, documentsOf: DocumentsOf) {
    this.calls = calls;
    this.documentsOf = documentsOf;
  }

  async fetch<Data>(state: State<Data>, id: string): Promise<FoundState<Data> | undefined> {
    const documents = this.documentsOf(state);
    const filter = { _id: checkedId(id), ...present(state) };
    const found = await this.calls.run((session) =>
      documents.findOne(filter, { session, projection: { version: 1, data: 1 } }),
    );
    return found === null ? undefined : toFoundState(found);
  }

  async find<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: FindOptions<Data, Field> = {},
  ): Promise<readonly FoundState<Pick<Data, Field>>[]> {
    return await this.#select(state, queryOf(state, options as FindOptions<Data>));
  }

  async page<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: PageOptions<Data, Field> = {},
  ): Promise<StatePage<Pick<Data, Field>>> {
    return await pageBy(state, options, (query) => this.#select<Data, Record<string, unknown>>(state, query));
  }

  async count<Data>(state: State<Data>, where?: Where<Data>, { search }: CountOptions = {}): Promise<number> {
    const documents = this.documentsOf(state);
    const filter = presentAnd(state, searchedConditionOf(state, where, search));
    return await this.calls.run((session) => documents.countDocuments(filter, { session }));
  }

  async #select<Data, Found>(
    state: State<Data>,
    { condition, orderings, select, limit, offset }: StateQuery,
  ): Promise<readonly FoundState<Found>[]> {
    const documents = this.documentsOf(state);
    // To the server, 0 is no limit.
    if (limit === 0) return [];
    const options = {
      projection: { version: 1, ...(select === undefined ? { data: 1 } : fieldsOf(select)) },
      sort: sortOf(orderings),
      ...(offset === 0 ? {} : { skip: offset }),
      ...(limit === undefined ? {} : { limit }),
    };
    const filter = presentAnd(state, condition);
    const found = await this.calls.run((session) => documents.find(filter, { ...options, session }).toArray());
    return found.map((one) => {
      const { data, ...rest } = toFoundState<Document>(one);
      return { ...rest, data: pick(data, select) as Found };
    });
  }
}

/** With what it is made of kept beside it, there may be no document. */
function present<Data>({ kept }: State<Data>): Document {
  return kept?.hasSource === true ? { data: { $exists: true } } : {};
}

function presentAnd<Data>(state: State<Data>, condition: Condition): Document {
  return { ...filterOf(condition), ...present(state) };
}

function fieldsOf(select: readonly string[]): Document {
  return Object.fromEntries(select.map((field) => [pathOf(field), 1]));
}
