/** A value that changes and can be watched. */
export interface ReadableCell<T> {
  readonly value: T;
  /** Calls the listener at once with the current value, then with every new one. Returns the way out. */
  subscribe(listener: (value: T) => void): () => void;
}

/** A {@link ReadableCell} for whoever owns the value. */
export class StateCell<T> implements ReadableCell<T> {
  readonly #listeners = new Set<(value: T) => void>();
  #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  /** Replaces some fields and tells everybody who watches. */
  update(changes: Partial<T>): void {
    this.#value = { ...this.#value, ...changes };
    for (const listener of this.#listeners) listener(this.#value);
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#value);
    return () => this.#listeners.delete(listener);
  }
}
