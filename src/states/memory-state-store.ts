/**
 * States in memory, gone with the process as the memory recorder's events are: for tests.
 *
 * @module
 */
import type { NotifiedEvent } from '../application/events/notified-event.js';
import type { InlineParticipant } from '../application/events/inline-participant.js';
import { InterfaceError, ProgrammingError } from '../persistence/errors.js';
import { readPage } from '../persistence/notification-pages.js';
import type { RecorderTransaction, TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { Notification } from '../persistence/stored-event.js';
import { MemoryStates, MemoryStateWriter, POSITION } from './memory-states.js';
import type { StateRows } from './memory-states.js';
import { indexFields } from './state.js';
import type { State } from './state.js';
import { toDocument } from './state-document.js';
import type { FieldOf, Where } from './state-filter.js';
import type {
  ChangeOptions,
  FindOptions,
  FoundState,
  PageOptions,
  StatePage,
  StateStore,
  StateTransaction,
  StateWriter,
} from './state-store.js';

// What was missed is read at once: it is little, unless the state was just added.
const PAGE_EVENTS_MAX = 500;

/** What {@link MemoryStateStore} needs. */
export interface MemoryStateStoreOptions {
  /** The application's own: changes are made in its transactions. */
  readonly recorder: TransactionalRecorder<undefined>;
  /** Those that there are. Others are refused. */
  readonly states: readonly State[];
}

/** Implements {@link StateStore} beside a `MemoryProcessRecorder`. Indexes are checked and change nothing. */
export class MemoryStateStore implements StateStore {
  readonly #recorder: TransactionalRecorder<undefined>;
  readonly #states: MemoryStates;
  readonly #kept: readonly State[];
  readonly #committed: StateWriter;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when two states have one name */
  constructor({ recorder, states }: MemoryStateStoreOptions) {
    const names = states.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice !== undefined) throw new ProgrammingError(`Two states are named ${twice}: they would share a table.`);
    this.#recorder = recorder;
    this.#states = new MemoryStates(states);
    this.#kept = states.filter(({ kept }) => kept !== undefined);
    this.#committed = new MemoryStateWriter((state) => this.#states.committed(state));
  }

  async setUp(): Promise<void> {
    await Promise.resolve();
  }

  async fetch<Data>(state: State<Data>, id: string): Promise<FoundState<Data> | undefined> {
    return await this.#committed.fetch(state, id);
  }

  async find<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: FindOptions<Data, Field> = {},
  ): Promise<readonly FoundState<Pick<Data, Field>>[]> {
    return await this.#committed.find(state, options);
  }

  async page<Data, Field extends keyof Data & string = keyof Data & string>(
    state: State<Data>,
    options: PageOptions<Data, Field> = {},
  ): Promise<StatePage<Pick<Data, Field>>> {
    return await this.#committed.page(state, options);
  }

  async count<Data>(state: State<Data>, where?: Where<Data>): Promise<number> {
    return await this.#committed.count(state, where);
  }

  async put<Data>(
    state: State<Data>,
    id: string,
    data: unknown,
    options: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    return await this.transaction((changes) => changes.put(state, id, data, options));
  }

  async update<Data>(
    state: State<Data>,
    id: string,
    change: Partial<Data> | ((data: Data) => Data),
    options: ChangeOptions = {},
  ): Promise<FoundState<Data>> {
    return await this.transaction((changes) => changes.update(state, id, change, options));
  }

  async delete<Data>(state: State<Data>, id: string, options: ChangeOptions = {}): Promise<boolean> {
    return await this.transaction((changes) => changes.delete(state, id, options));
  }

  async transaction<T>(work: (changes: StateWriter, transaction: StateTransaction) => Promise<T>): Promise<T> {
    return await this.#recorder.transaction((transaction) => work(this.within(transaction), transaction));
  }

  within(transaction: StateTransaction): StateWriter {
    const rows = this.#layer(transaction);
    return new MemoryStateWriter(rows);
  }

  async createIndex<Data>(state: State<Data>, fields: FieldOf<Data> | readonly FieldOf<Data>[]): Promise<void> {
    await Promise.resolve();
    this.#states.committed(state);
    indexFields(state.name, typeof fields === 'string' ? [fields] : fields);
  }

  inline(decode: (notification: Notification) => Promise<NotifiedEvent>): InlineParticipant {
    return {
      onRecorded: async (transaction, events) => {
        const head = events.at(-1)?.notificationId;
        if (head === undefined || this.#kept.length === 0) return;
        const rowsOf = this.#layer(transaction);
        const positions = rowsOf(POSITION);
        let after = positions.get(POSITION.name)?.version ?? 0;
        // Read again, instead of taking the events that are in hand: others may have recorded some before them.
        while (after < head) {
          const { notifications, to } = await readPage(transaction, { after, head, limit: PAGE_EVENTS_MAX });
          const topics = new Set(this.#kept.flatMap(({ kept }) => kept?.topics ?? []));
          for (const notification of notifications.filter(({ topic }) => topics.has(topic))) {
            const event = await decode(notification);
            for (const state of this.#kept) await keep(state, notification.topic, event, rowsOf(state));
          }
          after = to;
        }
        positions.set(POSITION.name, { version: after, data: undefined });
      },
    };
  }

  /** What a transaction changes, until it has ended. */
  #layer({ onEnded }: RecorderTransaction<unknown>): (state: State) => StateRows {
    if (onEnded === undefined) throw new InterfaceError('The transaction is none of a recorder in memory.');
    const layer = this.#states.begin();
    onEnded((outcome) => {
      this.#states.end(layer, outcome === 'committed');
    });
    return (state) => this.#states.within(layer, state);
  }
}

async function keep(state: State, topic: string, event: NotifiedEvent, rows: StateRows): Promise<void> {
  const { kept } = state;
  if (kept?.topics.includes(topic) !== true) return;
  const id = kept.idOf(event);
  const after = kept.evolve(rows.get(id), event);
  const data = after.data === undefined ? undefined : (await toDocument(state, id, after.data)).data;
  rows.set(id, data === undefined && !kept.hasSource ? undefined : { ...after, data });
}
