/**
 * The tail of a view in memory: the states before each pending unit. They are not changed, so that keeping them costs nothing.
 *
 * @module
 */
import type { NotificationId } from '../../persistence/stored-event.js';
import type { TailEntry, ViewProgress, ViewTail } from './view-tail.js';

/** A pending unit in a view in memory. */
export interface MemoryTailEntry<State> extends TailEntry {
  readonly before: State;
}

/** What is kept of a view's tail. */
export interface MemoryTail<State> {
  readonly progress: ViewProgress | undefined;
  readonly entries: readonly MemoryTailEntry<State>[];
}

/** What it needs of the view. */
export interface MemoryTailView<State> {
  state(): State;
  putBack(state: State): void;
  empty(): void;
  /** Letters of the units' events are not kept. */
  forget(entries: readonly TailEntry[]): void;
}

/** Implements {@link ViewTail} over a tail that is replaced. */
export class MemoryViewTail<State> implements ViewTail {
  readonly #tail: { progress: ViewProgress | undefined; entries: MemoryTailEntry<State>[] };
  readonly #view: MemoryTailView<State>;
  #before: State;

  constructor(
    tail: { progress: ViewProgress | undefined; entries: MemoryTailEntry<State>[] },
    view: MemoryTailView<State>,
  ) {
    this.#tail = tail;
    this.#view = view;
    this.#before = view.state();
  }

  async progress(): Promise<ViewProgress | undefined> {
    return this.#tail.progress;
  }

  async setProgress(progress: ViewProgress): Promise<void> {
    this.#tail.progress = progress;
  }

  async entries(): Promise<readonly TailEntry[]> {
    return this.#tail.entries;
  }

  async begin(): Promise<void> {
    this.#before = this.#view.state();
  }

  async add({ place, count, edition }: TailEntry): Promise<void> {
    this.#tail.entries.push({ place, count, edition, before: this.#before });
    this.#before = this.#view.state();
  }

  async confirm(places: readonly NotificationId[]): Promise<void> {
    this.#tail.entries = this.#tail.entries.slice(places.length);
  }

  async takeBack(): Promise<boolean> {
    const { entries } = this.#tail;
    const [first] = entries;
    if (first !== undefined) this.#view.putBack(first.before);
    this.#view.forget(entries);
    this.#tail.entries = [];
    return true;
  }

  async empty(): Promise<void> {
    this.#view.empty();
    this.#tail.entries = [];
    this.#tail.progress = undefined;
  }
}
