/**
 * Tells those who wait of the end of one log, however it moves: by this process, by another one, or by a program that
 * writes beside them all.
 *
 * ```text
 * push of this process ──announce(head)──▶ ┌─────┐
 * word of another one ───noteNews()──────▶ │ hub │──head──▶ each who waits, once for each head, never an older one
 * every two seconds, while anybody waits ─▶└─────┘
 * ```
 *
 * A word of it is a hint: it is not stored, and may be lost. So whoever hears nothing looks by himself, and the log is
 * looked at here while anybody waits, once for all of them.
 *
 * Invariants:
 * 1. One look at a time; what comes meanwhile is followed by another look, however much it was.
 * 2. Who comes is told of the last head that is known, if there is one. A lower one is told only of a log that was set back.
 * 3. Nobody waits: no timer, no look, nothing to listen to.
 *
 * @module
 */
import { Listeners } from '../../util/listeners.js';
import type { Clock } from '../../util/clock.js';

// The longest that a row which nobody announces waits. One statement for all who wait, by the primary key.
const POLL_MS_DEFAULT = 2_000;

/** What a {@link HeadHub} needs. */
export interface HeadHubOptions {
  /** The position of the end of the log. */
  readonly readHead: () => Promise<number>;
  /**
   * Listens to news of other processes, while anybody waits. @returns stops the calls. @defaultValue nobody tells: the log
   * is looked at
   */
  readonly listen?: ((onNews: (head?: number) => void) => () => void) | undefined;
  readonly clock: Clock;
  /** Milliseconds between two looks without a reason. @defaultValue 2,000 */
  readonly pollMs?: number | undefined;
  /** Told why a look failed; the next one follows. */
  readonly onFailure: (error: unknown) => void;
}

/** One log's head, and those who wait for it to move. */
export class HeadHub {
  readonly #options: HeadHubOptions;
  readonly #waiting = new Listeners<[head: number]>();
  #head: number | undefined;
  #isLooking = false;
  #hasNews = false;
  #stop: () => void = () => undefined;

  constructor(options: HeadHubOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Calls a listener with each new head, and with the present one, where that is known. @returns stops the calls */
  subscribe(listener: (head: number) => void): () => void {
    const isFirst = this.#waiting.size === 0;
    const remove = this.#waiting.add(listener);
    if (isFirst) this.#start();
    else if (this.#head !== undefined) listener(this.#head);
    let isThere = true;
    return () => {
      if (!isThere) return;
      isThere = false;
      remove();
      if (this.#waiting.size === 0) this.#end();
    };
  }

  /** Takes a head that this process has made. */
  announce(head: number): void {
    if (this.#waiting.size === 0) return;
    // A look that is under way may have been too early to see it.
    this.#hasNews ||= this.#isLooking;
    if (head > (this.#head ?? -1)) this.#tell(head);
  }

  /**
   * Takes that the log may have moved.
   *
   * @param head - where it ends, as somebody says: nothing is looked at that is known. It may be an old word, so it is not
   *   told on
   */
  noteNews(head?: number): void {
    if (head !== undefined && head <= (this.#head ?? -1)) return;
    this.#hasNews = true;
    void this.#look();
  }

  #start(): void {
    const { clock, listen, pollMs = POLL_MS_DEFAULT } = this.#options;
    const stopListening = listen?.((head) => this.noteNews(head));
    let callOff: () => void;
    const poll = (): void => {
      callOff = clock.schedule(poll, pollMs);
      this.noteNews();
    };
    poll();
    this.#stop = () => {
      callOff();
      stopListening?.();
    };
  }

  #end(): void {
    this.#stop();
    // Nobody keeps it up to date any more.
    this.#head = undefined;
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#hasNews && this.#waiting.size > 0) {
      this.#hasNews = false;
      try {
        this.#takeRead(await this.#options.readHead());
      } catch (error) {
        this.#options.onFailure(error);
      }
    }
    this.#isLooking = false;
  }

  #takeRead(head: number): void {
    const isOlder = head < (this.#head ?? -1);
    // Of a log that was set back the next look says so again.
    if (head !== this.#head && !(isOlder && this.#hasNews)) this.#tell(head);
  }

  #tell(head: number): void {
    this.#head = head;
    this.#waiting.tell(head);
  }
}
