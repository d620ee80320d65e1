import type { NotificationId } from '../../persistence/stored-event.js';
import type { MemoryProjection, MemoryView } from './projection.js';
import type { LogCheckpoint } from '../log/lost-position.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { ViewMovedError } from './projection-store.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  ProjectionStore,
  ProjectionTransaction,
  SyncedViews,
  ViewGeneration,
} from './projection-store.js';
import { hasUnitOrder } from '../../persistence/sql/unit-order.js';
import { MemoryViewTail } from './memory-view-tail.js';
import type { MemoryTail, MemoryTailEntry } from './memory-view-tail.js';
import type { TailEntry, ViewProgress } from './view-tail.js';

interface Generation<State> extends LogCheckpoint {
  readonly state: State;
  readonly deadLetters: ReadonlyMap<NotificationId, DeadLetter>;
  readonly tail: MemoryTail<State>;
}

const NO_TAIL = { progress: undefined, entries: [] } as const;

/** Keeps a view in memory. It is gone with the program, and so is how far it was. */
export class MemoryProjectionStore<State> implements ProjectionStore<MemoryView<State>> {
  readonly #initialState: () => State;
  #live: Generation<State>;
  #next: Generation<State> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(projection: MemoryProjection<State>) {
    this.#initialState = projection.initialState;
    this.#live = this.#empty();
  }

  /** The live view, as it is now. */
  get state(): State {
    return this.#live.state;
  }

  async setUp(): Promise<void> {
    // Set up by the constructor.
  }

  /** Never: it begins anew with the program. */
  async isOutdated(): Promise<boolean> {
    return false;
  }

  async checkpoint(generation: ViewGeneration): Promise<LogCheckpoint | undefined> {
    return generation === 'live' ? this.#live : this.#next;
  }

  transaction<T>(
    generation: ViewGeneration,
    work: (transaction: ProjectionTransaction<MemoryView<State>>) => Promise<T>,
  ): Promise<T> {
    return this.#change(generation, work);
  }

  #change<T>(
    generation: ViewGeneration,
    work: (transaction: MemoryProjectionTransaction<State>) => Promise<T>,
  ): Promise<T> {
    return this.#inTurn(async () => {
      const before = generation === 'live' ? this.#live : this.#next;
      if (before === undefined) throw new ViewMovedError();
      const transaction = new MemoryProjectionTransaction(before);
      const result = await work(transaction);
      if (generation === 'live') this.#live = transaction.result();
      else this.#next = transaction.result();
      return result;
    });
  }

  /** As in {@link ProjectionStore}: the view is not in the store, but changes while nothing else changes there. */
  synced(recorder: object): SyncedViews<MemoryView<State>> | undefined {
    if (!hasUnitOrder(recorder)) return undefined;
    return {
      recorder,
      transaction: (generation, _following, work) =>
        recorder.transaction(({ connection: sql }) =>
          this.#change(generation, async (transaction) => {
            const { view } = transaction;
            const tail = new MemoryViewTail(transaction.tail, {
              state: () => view.state,
              putBack: (state) => {
                view.state = state;
              },
              empty: () => transaction.empty(this.#initialState()),
              forget: (entries) => transaction.forget(entries),
            });
            return await work({ transaction, tail, sql });
          }),
        ),
    };
  }

  beginNext({ isAnew = false }: { readonly isAnew?: boolean } = {}): Promise<void> {
    return this.#inTurn(async () => {
      if (isAnew || this.#next === undefined) this.#next = this.#empty();
    });
  }

  promoteNext({ lostPosition }: { readonly lostPosition?: NotificationId | undefined } = {}): Promise<
    'promoted' | 'behind' | 'none'
  > {
    return this.#inTurn(async () => {
      if (this.#next === undefined) return 'none';
      const { position } = this.#live;
      if (this.#next.position < position && position !== lostPosition) return 'behind';
      this.#live = this.#next;
      this.#next = undefined;
      return 'promoted';
    });
  }

  reset(): Promise<void> {
    return this.#inTurn(async () => {
      this.#live = this.#empty();
      this.#next = undefined;
    });
  }

  #empty(): Generation<State> {
    return { state: this.#initialState(), position: 0, lastEventId: '', deadLetters: new Map(), tail: NO_TAIL };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

class MemoryProjectionTransaction<State> implements ProjectionTransaction<MemoryView<State>> {
  readonly view: MemoryView<State>;
  readonly tail: { progress: ViewProgress | undefined; entries: MemoryTailEntry<State>[] };
  readonly #deadLetters: Map<NotificationId, DeadLetter>;
  #position: NotificationId;
  #lastEventId: string;

  constructor({ state, position, lastEventId, deadLetters, tail }: Generation<State>) {
    this.view = { state };
    this.tail = { ...tail, entries: [...tail.entries] };
    this.#position = position;
    this.#lastEventId = lastEventId;
    this.#deadLetters = new Map(deadLetters);
  }

  get position(): NotificationId {
    return this.#position;
  }

  get lastEventId(): string {
    return this.#lastEventId;
  }

  async advance(to: NotificationId, last?: NotifiedEvent): Promise<void> {
    this.#position = to;
    this.#lastEventId = last?.metadata.eventId ?? this.#lastEventId;
  }

  async deadLetters({ statuses, originatorId, notificationId }: DeadLetterFilter = {}): Promise<readonly DeadLetter[]> {
    return [...this.#deadLetters.values()]
      .filter(
        (letter) =>
          (statuses === undefined || statuses.includes(letter.status)) &&
          (originatorId === undefined || letter.originatorId === originatorId) &&
          (notificationId === undefined || letter.notificationId === notificationId),
      )
      .sort((a, b) => a.notificationId - b.notificationId);
  }

  async putDeadLetter(letter: DeadLetter): Promise<void> {
    this.#deadLetters.set(letter.notificationId, letter);
  }

  async spoilTail(): Promise<void> {
    if (this.tail.entries.length > 0) this.tail.progress = undefined;
  }

  empty(state: State): void {
    this.view.state = state;
    this.#forgetLetters(() => true);
  }

  /** Their events are handled anew, if they are there: what failed of them may not fail then. */
  forget(entries: readonly TailEntry[]): void {
    const places = new Set(
      entries.flatMap(({ place, count }) => Array.from({ length: count }, (_event, index) => place + index)),
    );
    this.#forgetLetters((id) => places.has(id));
  }

  /** But for those that somebody has discarded: that is so, whatever comes. */
  #forgetLetters(which: (id: NotificationId) => boolean): void {
    for (const [id, { status }] of this.#deadLetters)
      if (status !== 'discarded' && which(id)) this.#deadLetters.delete(id);
  }

  result(): Generation<State> {
    const [position, lastEventId] = [this.#position, this.#lastEventId];
    return { state: this.view.state, position, lastEventId, deadLetters: this.#deadLetters, tail: this.tail };
  }
}
