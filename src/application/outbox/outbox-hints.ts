/** Listeners of an outbox: called when there is something to publish. */
export class OutboxHints {
  readonly #listeners = new Set<{ readonly call: () => void }>();

  /** Calls a listener from now on. @returns stops the calls */
  add(listener: () => void): () => void {
    // A wrapper of its own, so that the same function may listen twice.
    const entry = { call: listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Calls every listener. */
  give(): void {
    for (const { call } of this.#listeners) call();
  }
}
