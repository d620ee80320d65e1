/**
 * States in memory, gone with the process as the memory recorder's events are: for tests.
 *
 * @module
 */
import type { NotifiedEvent } from '../application/events/notified-event.js';
import type { InlineParticipant } from '../application/events/inline-participant.js';
import { InterfaceError } from '../persistence/errors.js';
import { readPage } from '../persistence/notification-pages.js';
import type { RecorderTransaction, TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { ChangeSource } from '../persistence/store-changes.js';
import type { Notification } from '../persistence/stored-event.js';
import { MemoryStates, MemoryStateWriter, POSITION } from './memory-states.js';
import type { StateRows } from './memory-states.js';
import { indexFields } from './state.js';
import type { State } from './state.js';
import { checkedId, toDocument } from './state-document.js';
import type { FieldOf } from './state-filter.js';
import type { StateReader, StateTransaction, StateWriter } from './state-store.js';
import { StoredStates } from './stored-states.js';
import { validateFunction } from '../persistence/validation.js';

// What was missed is read at once: it is little, unless the state was just added.
const PAGE_EVENTS_MAX = 500;

/** What {@link MemoryStateStore} needs. */
export interface MemoryStateStoreOptions {
  /** The application's own: changes are made in its transactions. */
  readonly recorder: TransactionalRecorder<undefined>;
  /** Those that there are. Others are refused. */
  readonly states: readonly State[];
}

/** A {@link StateStore} beside a `MemoryProcessRecorder`. Indexes are checked and change nothing. */
export class MemoryStateStore extends StoredStates {
  readonly #states: MemoryStates;
  readonly #recorder: Partial<ChangeSource>;
  readonly #kept: readonly State[];
  protected override readonly committed: StateReader;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when two states have one name */
  constructor({ recorder, states }: MemoryStateStoreOptions) {
    super(recorder, states);
    this.#recorder = recorder as Partial<ChangeSource>;
    this.#states = new MemoryStates(states);
    this.#kept = states.filter(({ kept }) => kept !== undefined);
    this.committed = new MemoryStateWriter((state) => this.#states.committed(state));
  }

  override async setUp(): Promise<void> {
    await Promise.resolve();
  }

  override within(transaction: StateTransaction): StateWriter {
    return new MemoryStateWriter(this.#layer(transaction));
  }

  override async createIndex<Data>(
    state: State<Data>,
    fields: FieldOf<Data> | readonly FieldOf<Data>[],
  ): Promise<void> {
    await Promise.resolve();
    this.#states.committed(state);
    indexFields(state.name, typeof fields === 'string' ? [fields] : fields);
  }

  override inline(decode: (notification: Notification) => Promise<NotifiedEvent>): InlineParticipant {
    validateFunction('decode', decode);
    if (this.#kept.length === 0) return {};
    return {
      onRecorded: async (transaction, events) => {
        const head = events.at(-1)?.notificationId;
        if (head === undefined) return;
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
      const isCommitted = outcome === 'committed';
      const tables = [...layer.keys()].map(({ name }) => `state_${name}`);
      this.#states.end(layer, isCommitted);
      if (isCommitted) this.#recorder.noteChanged?.({ tables, aggregates: [] });
    });
    return (state) => this.#states.within(layer, state);
  }
}

async function keep(state: State, topic: string, event: NotifiedEvent, rows: StateRows): Promise<void> {
  const { kept } = state;
  if (kept?.topics.includes(topic) !== true) return;
  const id = checkedId(kept.idOf(event));
  const after = kept.evolve(rows.get(id), event);
  const data = after.data === undefined ? undefined : (await toDocument(state, id, after.data)).data;
  rows.set(id, data === undefined && !kept.hasSource ? undefined : { ...after, data });
}
