/** A value that changes, and can be watched. */

/** A value and its changes. Fits `useSyncExternalStore` and the like: `value` is the same object until it changes. */
export interface Observable<T> {
  /** The value now. */
  readonly value: T;
  /**
   * Calls a listener at once with the value, then with every later one, in order.
   *
   * @returns stops the calls
   */
  subscribe(listener: (value: T) => void): () => void;
}

/** An {@link Observable} that its owner changes. */
export class ObservableValue<T> implements Observable<T> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  /** Changes the value and tells the listeners. */
  set(value: T): void {
    this.#value = value;
    for (const listener of this.#listeners) listener(value);
  }

  subscribe(listener: (value: T) => void): () => void {
    // A wrapper of its own, so that the same function may listen twice.
    const entry = (value: T): void => {
      listener(value);
    };
    this.#listeners.add(entry);
    listener(this.#value);
    return () => this.#listeners.delete(entry);
  }
}
