/**
 * Simulated time: what is to happen, in its order, and nothing of what the machine that simulates is slow at.
 *
 * ```text
 * next event ──▶ time is its time ──▶ its callback ──▶ everything that follows of it by promises ──▶ next event
 * ```
 *
 * @module
 */

interface Entry {
  readonly atMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** A queue of events. Two of one moment happen in the order in which they were scheduled. */
export class Scheduler {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Entry[] = [];
  /** How many events have happened. */
  events = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** @returns calls it off */
  schedule(callback: () => void, delayMs: number): () => void {
    if (delayMs === Infinity) return () => undefined;
    const atMs = this.#nowMs + Math.max(0, Math.ceil(delayMs));
    const entry: Entry = { atMs, order: this.#order++, callback };
    this.#push(entry);
    return () => (entry.callback = undefined);
  }

  /** Lets time pass. Afterwards nothing is left to do before that moment. */
  async runUntil(endMs: number): Promise<void> {
    await settled();
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= endMs; first = this.#heap[0]) {
      this.#pop();
      const { callback } = first;
      if (callback === undefined) continue;
      this.#nowMs = first.atMs;
      this.events++;
      callback();
      await settled();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent] as Entry, entry)) break;
      heap[at] = heap[parent] as Entry;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
      if (isBefore(last, heap[child] as Entry)) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }
}

/** Nothing that is simulated waits for the platform: what is to follow of an event follows in this turn of the event loop. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
