import { ObservableValue } from 'daybook';
import type { Observable } from 'daybook';
import type { BooksView } from './books-view.js';

// Rows on the screen. The totals beside them are of all rows.
const ROWS_MAX = 60;
// Feels live to somebody who watches, and asks a local server for little.
const INTERVAL_MS = 1_500;
// A server that takes longer than this counts as not there.
const TIMEOUT_MS = 5_000;

/** The last known view of the books, and whether the server answers now. */
export interface BooksState {
  /** Undefined until the server answered for the first time. */
  readonly view: BooksView | undefined;
  /** Undefined until the first question was answered, or was not. */
  readonly reachable: boolean | undefined;
}

/** What the feed is made of. */
export interface BooksFeedParts {
  /** Address of the books. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  /** Whether anybody can see the page. */
  readonly isVisible: () => boolean;
}

/** Asks the demo's server again and again what PostgreSQL holds, while somebody looks. */
export class BooksFeed {
  readonly #parts: BooksFeedParts;
  readonly #state = new ObservableValue<BooksState>({ view: undefined, reachable: undefined });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: Promise<void> | undefined;
  #askAgain = false;

  constructor(parts: BooksFeedParts) {
    this.#parts = parts;
  }

  /** The state, to read and to watch. */
  get state(): Observable<BooksState> {
    return this.#state;
  }

  /** Asks now, and from now on at every interval. While one question is open, another follows it at once. */
  refresh(): void {
    if (this.#asking !== undefined) {
      this.#askAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#asking = this.#ask().finally(() => {
      this.#asking = undefined;
      if (this.#askAgain) {
        this.#askAgain = false;
        this.refresh();
      } else {
        this.#timer = setTimeout(() => this.#tick(), INTERVAL_MS);
      }
    });
  }

  #tick(): void {
    if (this.#parts.isVisible()) this.refresh();
    else this.#timer = setTimeout(() => this.#tick(), INTERVAL_MS);
  }

  async #ask(): Promise<void> {
    const { fetch, url } = this.#parts;
    try {
      const response = await fetch(`${url}?limit=${ROWS_MAX}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const view: unknown = response.ok ? await response.json() : undefined;
      if (!isBooksView(view)) throw new TypeError('This is not the answer of the demo server.');
      this.#state.set({ view, reachable: true });
    } catch {
      // Why the server does not answer does not matter here: the last view stays, and is marked as old.
      this.#state.set({ ...this.#state.value, reachable: false });
    }
  }
}

// A captive portal answers everything, and never with this.
function isBooksView(answer: unknown): answer is BooksView {
  return typeof answer === 'object' && answer !== null && 'total' in answer && 'rows' in answer;
}
