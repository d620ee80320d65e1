/**
 * A value that changes, and can be watched.
 *
 * @module
 */
import { callListener, Listeners } from './listeners.js';

/**
 * A value and its changes: how a push, a projection, a process or an outbox stands. Fits `useSyncExternalStore` and the
 * like: `value` is the same object until it changes.
 *
 * @example
 * ```ts
 * const stop = sync.status.subscribe(({ pending }) => console.log(`${pending ?? '…'} on this device`));
 *
 * // In React:
 * const { pending } = useSyncExternalStore(sync.status.subscribe, () => sync.status.value);
 * ```
 */
export interface Observable<T> {
  /** The value now. */
  readonly value: T;
  /**
   * Calls a listener at once with the value, then with every later one, in order. A value that was replaced before the
   * listener's turn came, by a listener before it, is left out. What a listener throws is reported as an uncaught error,
   * and keeps nothing from the others. May be passed on without its object.
   *
   * @returns stops the calls; may be called again
   */
  readonly subscribe: (listener: (value: T) => void) => () => void;
}

/**
 * An {@link Observable} that its owner changes: give it to others as an `Observable`, which has no `set`.
 *
 * @example
 * ```ts
 * const pending = new ObservableValue(0);
 * const stop = pending.subscribe((count) => console.log(`${count} pending`)); // 0 pending
 * pending.set(3); // 3 pending
 * stop();
 * ```
 */
export class ObservableValue<T> implements Observable<T> {
  /** An object for each time that it was set: by this, one who was told of it knows it again. */
  #now: { readonly value: T };
  readonly #listeners = new Listeners();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(value: T) {
    this.#now = { value };
  }

  get value(): T {
    return this.#now.value;
  }

  /** Changes the value and tells the listeners, also when it is the same. Throws nothing. */
  set(value: T): void {
    this.#now = { value };
    this.#listeners.tell();
  }

  readonly subscribe = (listener: (value: T) => void): (() => void) => {
    let told: object | undefined;
    const tell = (): void => {
      // A listener that sets the value has told all others before they are told of the value before.
      if (told === this.#now) return;
      told = this.#now;
      listener(this.value);
    };
    const stop = this.#listeners.add(tell);
    callListener(tell);
    return stop;
  };
}
