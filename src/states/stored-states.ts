/**
 * What state stores have in common: what is committed is read, and each change is a transaction.
 *
 * @module
 */
import type { NotifiedEvent } from '../application/events/notified-event.js';
import type { InlineParticipant } from '../application/events/inline-participant.js';
import { ProgrammingError } from '../persistence/errors.js';
import type { TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { Notification } from '../persistence/stored-event.js';
import type { State } from './state.js';
import type { FieldOf, Where } from './state-filter.js';
import type {
  ChangeOptions,
  CountOptions,
  FindOptions,
  FoundState,
  PageOptions,
  RestoreOptions,
  StatePage,
  StateReader,
  StateStore,
  StateTransaction,
  StateWriter,
} from './state-store.js';
import { validateFunction, validateList } from '../persistence/validation.js';

/** Implements what is alike in every {@link StateStore}. */
export abstract class StoredStates implements StateStore {
  /** Reads what is committed. */
  protected abstract readonly committed: StateReader;
  readonly #recorder: Pick<TransactionalRecorder<unknown>, 'transaction'>;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when two states have one name */
  constructor(recorder: Pick<TransactionalRecorder<unknown>, 'transaction'>, states: readonly State[]) {
    validateList('states', states);
    const names = states.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice !== undefined) throw new ProgrammingError(`Two states are named ${twice}: they would share a table.`);
    this.#recorder = recorder;
  }

  abstract setUp(): Promise<void>;
  abstract within(transaction: StateTransaction): StateWriter;
  abstract createIndex<Data>(state: State<Data>, fields: FieldOf<Data> | readonly FieldOf<Data>[]): Promise<void>;
  abstract inline(decode: (notification: Notification) => Promise<NotifiedEvent>): InlineParticipant;

  async fetch<Data>(state: State<Data>, id: string): Promise<FoundState<Data> | undefined> {
    return await this.committed.fetch(state, id);
  }

  async find<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options?: FindOptions<Data, Field>,
  ): Promise<readonly FoundState<Pick<Data, Field>>[]> {
    return await this.committed.find(state, options);
  }

  async page<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options?: PageOptions<Data, Field>,
  ): Promise<StatePage<Pick<Data, Field>>> {
    return await this.committed.page(state, options);
  }

  async count<Data>(state: State<Data>, where?: Where<Data>, options?: CountOptions): Promise<number> {
    return await this.committed.count(state, where, options);
  }

  async put<Data>(state: State<Data>, id: string, data: unknown, options?: ChangeOptions): Promise<FoundState<Data>> {
    return await this.transaction((changes) => changes.put(state, id, data, options));
  }

  async update<Data>(
    state: State<Data>,
    id: string,
    change: Partial<Data> | ((data: Data) => Data),
    options?: ChangeOptions,
  ): Promise<FoundState<Data>> {
    return await this.transaction((changes) => changes.update(state, id, change, options));
  }

  async delete<Data>(state: State<Data>, id: string, options?: ChangeOptions): Promise<boolean> {
    return await this.transaction((changes) => changes.delete(state, id, options));
  }

  async restore<Data>(
    state: State<Data>,
    given: readonly FoundState<unknown>[],
    options?: RestoreOptions,
  ): Promise<number> {
    return await this.transaction((changes) => changes.restore(state, given, options));
  }

  async transaction<T>(work: (changes: StateWriter, transaction: StateTransaction) => Promise<T>): Promise<T> {
    validateFunction('work', work);
    return await this.#recorder.transaction((begun) => {
      // Its connection is the engine's own, and what takes part in it knows of which.
      const transaction = begun as StateTransaction;
      return work(this.within(transaction), transaction);
    });
  }
}
