/**
 * What every state store can do, whatever it is on.
 *
 * @module
 */
import type { NotifiedEvent } from '../application/events/notified-event.js';
import type { InlineParticipant } from '../application/events/inline-participant.js';
import type { RecorderTransaction } from '../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { Notification } from '../persistence/stored-event.js';
import type { State } from './state.js';
import type { FieldOf, OrderBy, Where } from './state-filter.js';

/** A state that was found. */
export interface FoundState<Data> {
  readonly id: string;
  /** 1 when it was put for the first time, and one more with each change; kept ones: see `stateOf` and `stateFrom`. */
  readonly version: number;
  /** The reader's own: nobody else sees what is changed in it. */
  readonly data: Data;
}

/** Which states, and how much of them. */
export interface FindOptions<Data, Field extends keyof Data & string = keyof Data & string> {
  /** @defaultValue all */
  readonly where?: Where<Data> | undefined;
  /**
   * Words, of which each is the beginning of one in the fields that the state names in `search`: `'blu wid'` finds "Widget,
   * blue". Marks on letters and the case are no matter, nor is the order; of what is written without spaces a part is found
   * by its beginning anywhere. 1,000 characters and 32 words at most; without a word in it, nothing is asked.
   *
   * @defaultValue nothing is searched for
   */
  readonly search?: string | undefined;
  /** These fields and no others. @defaultValue all fields */
  readonly select?: readonly Field[] | undefined;
  /**
   * What is alike is in the order of ids, in the direction of the last field. @defaultValue ids alone, in the order of their
   * code points
   */
  readonly orderBy?: OrderBy<Data> | readonly OrderBy<Data>[] | undefined;
  /** From 0 up. @defaultValue as many as there are */
  readonly limit?: number | undefined;
  /** So many are passed over, from 0 up. What comes or goes meanwhile moves the rest: `page` has no such trouble. @defaultValue 0 */
  readonly offset?: number | undefined;
}

/** What a page is asked for by. */
export interface PageOptions<Data, Field extends keyof Data & string = keyof Data & string> extends Omit<
  FindOptions<Data, Field>,
  'offset'
> {
  /** From 1 up. @defaultValue 100 */
  readonly limit?: number | undefined;
  /** `next` of the page before, of the same order. @defaultValue the first page */
  readonly after?: string | undefined;
}

/** What is counted, beside a `where`. */
export type CountOptions = Pick<FindOptions<unknown>, 'search'>;

/** Some states, and where the next ones begin. */
export interface StatePage<Data> {
  readonly states: readonly FoundState<Data>[];
  /** For `after`. `undefined`: there are no more. */
  readonly next: string | undefined;
}

/** Reads states. */
export interface StateReader {
  /** @returns `undefined` where there is none */
  fetch<Data>(state: State<Data>, id: string): Promise<FoundState<Data> | undefined>;
  /**
   * Finds states.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
   *
   * @example
   * ```ts
   * const few = await states.find(stock, { where: { active: true, quantity: { lt: 5 } }, orderBy: { quantity: 'desc' }, limit: 10 });
   * ```
   */
  find<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options?: FindOptions<Data, Field>,
  ): Promise<readonly FoundState<Pick<Data, Field>>[]>;
  /**
   * A page of states. The next one begins behind the last one of it, whatever was put or deleted meanwhile. With an index on
   * the first field of the order, its cost does not grow with what came before.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
   */
  page<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options?: PageOptions<Data, Field>,
  ): Promise<StatePage<Pick<Data, Field>>>;
  /**
   * How many there are.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when `where`, or an option, is not what it should be
   */
  count<Data>(state: State<Data>, where?: Where<Data>, options?: CountOptions): Promise<number>;
}

/** What a change expects. */
export interface ChangeOptions {
  /** The version that it has, 0 where it is not there. @defaultValue any */
  readonly version?: number | undefined;
}

/** What becomes of states that are there already, when others of the same ids are put back. */
export interface RestoreOptions {
  /** `'replace'` puts the one of the file in their place, `'keep'` passes it over. @defaultValue `'replace'` */
  readonly existing?: 'replace' | 'keep' | undefined;
}

/** Reads and writes states; inside of a transaction what it has written itself, too. */
export interface StateWriter extends StateReader {
  /**
   * Puts a document in the place of what was there.
   *
   * @returns as it is stored
   * @throws ValidationError (`VALIDATION_ERROR`) when it is not what the schema says
   * @throws DataError (`DATA_ERROR`) when JSON does not hold it
   * @throws StateConflictError (`STATE_CONFLICT`) when another version is there than was expected
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the state is kept from events, or the id is none
   */
  put<Data>(state: State<Data>, id: string, data: unknown, options?: ChangeOptions): Promise<FoundState<Data>>;
  /**
   * Changes what is there.
   *
   * @param change - fields that are others now, or a function, which gives the document that is to be there
   * @returns as it is stored
   * @throws StateNotFoundError (`STATE_NOT_FOUND`) when there is none
   * @throws what {@link StateWriter.put} throws, and what the function does
   */
  update<Data>(
    state: State<Data>,
    id: string,
    change: Partial<Data> | ((data: Data) => Data),
    options?: ChangeOptions,
  ): Promise<FoundState<Data>>;
  /**
   * @returns whether there was one
   * @throws StateConflictError (`STATE_CONFLICT`) when another version is there than was expected
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the state is kept from events
   */
  delete<Data>(state: State<Data>, id: string, options?: ChangeOptions): Promise<boolean>;
  /**
   * Puts states back as they were elsewhere, with their versions, as `importStates` does it. What is there with the same
   * document stays as it is; what is there with another one has the larger of the two versions afterwards, or one more.
   *
   * @param given - each id once
   * @returns how many were not there as they are now
   * @throws ValidationError (`VALIDATION_ERROR`) when one is not what the schema says
   * @throws DataError (`DATA_ERROR`) when JSON does not hold one
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the state is kept from events, an id is none, or a version below 1
   */
  restore<Data>(state: State<Data>, given: readonly FoundState<unknown>[], options?: RestoreOptions): Promise<number>;
}

/** A transaction as the recorder of the store has them. */
export type StateTransaction = RecorderTransaction<SqlQueryable | undefined>;

/** Keeps states, beside the events. */
export interface StateStore extends StateWriter {
  /** Creates what is missing. @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table is of another log in the database */
  setUp(): Promise<void>;
  /**
   * Several changes, and what is recorded beside them, are stored together, or not at all. The work may run more than once,
   * see `RecorderTransaction`.
   *
   * @example
   * ```ts
   * await states.transaction(async (changes) => {
   *   await changes.update(account, 'a', (data) => ({ ...data, balance: data.balance - 5 }));
   *   await changes.update(account, 'b', (data) => ({ ...data, balance: data.balance + 5 }));
   * });
   * ```
   */
  transaction<T>(work: (changes: StateWriter, transaction: StateTransaction) => Promise<T>): Promise<T>;
  /** The same in a transaction that somebody else began on the recorder of this store. */
  within(transaction: StateTransaction): StateWriter;
  /**
   * Creates an index, where it is missing. Name it in the definition of a state that is kept from events: such a one is made
   * anew with the rest.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there are no fields, or one is there twice
   */
  createIndex<Data>(state: State<Data>, fields: FieldOf<Data> | readonly FieldOf<Data>[]): Promise<void>;
  /**
   * Keeps the states that follow from events, in the transactions of these: to be given to the application in `inline`.
   *
   * @param decode - the application's: `(notification) => app.decode(notification)`
   */
  inline(decode: (notification: Notification) => Promise<NotifiedEvent>): InlineParticipant;
}
