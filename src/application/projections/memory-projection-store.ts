import type { NotificationId } from '../../persistence/stored-event.js';
import type { MemoryProjection, MemoryView } from './projection.js';
import { ViewMovedError } from './projection-store.js';
import type {
  DeadLetter,
  DeadLetterFilter,
  ProjectionStore,
  ProjectionTransaction,
  ViewGeneration,
} from './projection-store.js';

interface Generation<State> {
  readonly state: State;
  readonly position: NotificationId;
  readonly deadLetters: ReadonlyMap<NotificationId, DeadLetter>;
}

/** Keeps a view in memory. It is gone with the program, and so is how far it was. */
export class MemoryProjectionStore<State> implements ProjectionStore<MemoryView<State>> {
  readonly #initialState: () => State;
  #live: Generation<State>;
  #next: Generation<State> | undefined;
  #last: Promise<unknown> = Promise.resolve();

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

  async position(generation: ViewGeneration): Promise<NotificationId | undefined> {
    return (generation === 'live' ? this.#live : this.#next)?.position;
  }

  transaction<T>(
    generation: ViewGeneration,
    work: (transaction: ProjectionTransaction<MemoryView<State>>) => Promise<T>,
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

  beginNext(): Promise<void> {
    return this.#inTurn(async () => {
      this.#next ??= this.#empty();
    });
  }

  promoteNext(): Promise<'promoted' | 'behind' | 'none'> {
    return this.#inTurn(async () => {
      if (this.#next === undefined) return 'none';
      if (this.#next.position < this.#live.position) return 'behind';
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
    return { state: this.#initialState(), position: 0, deadLetters: new Map() };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

class MemoryProjectionTransaction<State> implements ProjectionTransaction<MemoryView<State>> {
  readonly view: MemoryView<State>;
  readonly #deadLetters: Map<NotificationId, DeadLetter>;
  #position: NotificationId;

  constructor({ state, position, deadLetters }: Generation<State>) {
    this.view = { state };
    this.#position = position;
    this.#deadLetters = new Map(deadLetters);
  }

  get position(): NotificationId {
    return this.#position;
  }

  async advance(to: NotificationId): Promise<void> {
    this.#position = to;
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

  result(): Generation<State> {
    return { state: this.view.state, position: this.#position, deadLetters: this.#deadLetters };
  }
}
