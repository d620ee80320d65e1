/**
 * Listeners, and what becomes of their failures.
 *
 * ```text
 * add ──▶ listed ──tell──▶ called ──▶ listed          called ──throws──▶ reported ──▶ listed
 *            └──the function that add returned, or clear──▶ gone
 * ```
 *
 * Invariants:
 * 1. Whoever tells is not concerned: what it tells of has happened, and a listener that fails does not undo it.
 * 2. One that fails neither stops the others nor is silent: its error is reported as that of a listener of an
 *    `EventTarget` is, and it is told the next time as well.
 * 3. One that is gone is not called any more, also when it goes while the others are being told.
 * 4. One that comes while the others are being told is told the next time: otherwise one that adds itself again would be
 *    told for ever.
 * 5. One function may be listed twice: it is called twice, and goes once for each time it came.
 *
 * @module
 */

/** Functions that are called when something has happened. No limit of its own: whoever adds one has to remove it. */
export class Listeners<Args extends readonly unknown[] = []> {
  readonly #entries = new Set<(...args: Args) => void>();

  /** How many there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Calls a listener from now on. @returns stops the calls; may be called again */
  add(listener: (...args: Args) => void): () => void {
    // A wrapper of its own, because a function is in a set only once.
    const entry = (...args: Args): void => listener(...args);
    this.#entries.add(entry);
    return () => {
      this.#entries.delete(entry);
    };
  }

  /** Calls every listener, in the order in which they came. Throws nothing. */
  tell(...args: Args): void {
    for (const entry of [...this.#entries]) if (this.#entries.has(entry)) callListener(() => entry(...args));
  }

  /** Lets go of all. */
  clear(): void {
    this.#entries.clear();
  }
}

/** A listener that can be handed to anyone: called as by {@link callListener}. */
export function guarded<Args extends readonly unknown[]>(listener: (...args: Args) => void): (...args: Args) => void {
  return (...args) => callListener(() => listener(...args));
}

/** Calls one listener as {@link Listeners.tell} does: its failure is reported, and is not that of whoever tells it. */
export function callListener(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    reportFailure(error);
  }
}

/** Says what a listener failed with, as the platform says what nobody catches. */
export function reportFailure(failure: unknown): void {
  // Absent in Node.
  const { reportError } = globalThis as Partial<Pick<typeof globalThis, 'reportError'>>;
  if (reportError !== undefined) reportError(failure);
  else {
    queueMicrotask(() => {
      throw failure;
    });
  }
}
