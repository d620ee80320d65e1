/**
 * What a server has said of the end of its log, and pages of it that came unasked.
 *
 * ```text
 * a head, or a page, that is new ──▶ behind ──a page to the end, and nothing was said since it was read──▶ at the end
 * ```
 *
 * A hint, all of it: a page that does not begin where the store stands is not used, and whatever did not come is asked for.
 *
 * @module
 */
import type { Cursor, UnitPage } from '../../persistence/unit.js';

// A device that is so far behind with what it was sent asks for larger pages instead.
const PAGES_MAX = 16;
// How long the page with what was just sent may take to come by itself. Nobody waits for it but the word that it is confirmed.
const AWAITED_MS_MAX = 500;

/** Knows what was said. */
export class LogNews {
  #head = 0;
  #isAtEnd = false;
  /** The largest head that was said since a page began to be read; `Infinity` where none was named. */
  #saidMeanwhile = 0;
  #pages: readonly UnitPage[] = [];
  /** Whether the server sends pages unasked, on the present line. */
  #hasLine = false;
  #awaitedUntilMs = -Infinity;

  /** The largest position that the server has spoken of; 0 when it has not yet. */
  get head(): number {
    return this.#head;
  }

  /** Whether there is nothing more, as far as is known. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Takes that there may be something new. @param head - the end of the log, where that is known */
  note(head?: number): void {
    // It is to be asked for: the server has not sent it with its word.
    this.#awaitedUntilMs = -Infinity;
    this.#say(head);
  }

  /** Takes a page that came unasked. */
  notePage(page: UnitPage): void {
    this.#say(page.head);
    this.#hasLine = true;
    this.#pages = this.#pages.length < PAGES_MAX ? [...this.#pages, page] : [];
  }

  /** Takes that the line is another one, or gone: what comes on it is not known yet. */
  noteLine(): void {
    this.#hasLine = false;
    this.note();
  }

  /** Takes that the log ends there since something was sent: the page with it comes by itself, where there is a line. */
  noteSent(head: number, nowMs: number): void {
    if (this.#hasLine && head > this.#head) this.#awaitedUntilMs = nowMs + AWAITED_MS_MAX;
    this.#say(head);
  }

  #say(head?: number): void {
    if (head !== undefined && head <= this.#head) return;
    this.#isAtEnd = false;
    this.#head = Math.max(this.#head, head ?? 0);
    this.#saidMeanwhile = Math.max(this.#saidMeanwhile, head ?? Infinity);
  }

  /** Whether a page has come for who stands there. */
  hasPage(after: Cursor): boolean {
    return this.#pages.some(({ from }) => from === after);
  }

  /** Milliseconds for which a page is not asked for by who stands there, because it is about to come; 0 when it has. */
  awaitedMs(after: Cursor, nowMs: number): number {
    return this.hasPage(after) ? 0 : Math.max(0, this.#awaitedUntilMs - nowMs);
  }

  /** The page that came for who stands there, if there is one; what came before it goes with it, or all. */
  takePage(after: Cursor): UnitPage | undefined {
    const at = this.#pages.findIndex(({ from }) => from === after);
    const page = this.#pages[at];
    this.#pages = page === undefined ? [] : this.#pages.slice(at + 1);
    return page;
  }

  /** Takes that a page is about to be read: what is said from now on, it may not have. */
  beginReading(): void {
    this.#saidMeanwhile = 0;
  }

  /** Takes that a page was stored. */
  noteStored({ to, position, head }: UnitPage): void {
    // What does not follow on it does not fit any more.
    const next = this.#pages.findIndex(({ from }) => from === to);
    this.#pages = next === -1 ? [] : this.#pages.slice(next);
    const said = Math.max(head, this.#saidMeanwhile);
    // Of a log that was set back: what it said before counts no more.
    this.#head = said === Infinity ? Math.max(head, this.#head) : said;
    this.#isAtEnd = position >= said && this.#pages.length === 0;
  }

  /** Takes that the log is to be followed from another place. */
  startAnew(): void {
    this.#head = 0;
    this.#isAtEnd = false;
    this.#pages = [];
    this.#awaitedUntilMs = -Infinity;
  }
}
