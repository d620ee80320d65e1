/**
 * Notices that the tab which should synchronise does not: it is frozen, or hangs, or its worker is gone.
 *
 * ```text
 *  off ──set──▶ patient ──time──▶ asking ──time──▶ silent: this tab takes over
 *   ▲             ▲  ▲              │
 *   │             │  └──it was heard┘
 *   └──────set────┴── hurry: sooner
 * ```
 *
 * From a reason to hurry to the end of silence are two seconds at most. That is soon for a tab that is only busy, and yet
 * no tab is robbed for working: what it does it says, which counts as an answer; messages are not throttled as timers are,
 * in the background either; and the answer is its store's, which no page that draws holds up. A tab that says nothing for
 * longer than a second does not synchronise either. Where it does after all, two send the same: that wastes a request,
 * whose units the server knows already, and whoever was robbed waits for its turn like the others.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';

// A push takes a moment; then events are not waiting any more.
const PATIENCE_MS = 500;
// Nothing waits, or the tab has said why it cannot go on: there is no network, for example.
const QUIET_MS = 15_000;
// Spread, so that of several tabs one is first.
const ANSWER_MS = 1_000;
const ANSWER_SPREAD_MS = 400;
// A timer that rings so late does so because this tab stood still, or is throttled: an answer may lie there, unread.
const LATE_MS = 100;

/** What a {@link LeaderWatch} needs. */
export interface LeaderWatchOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Asks the tab that should synchronise. */
  readonly ask: () => void;
  /** There was no answer. */
  readonly onSilence: () => void;
}

/** Watches the tab that has the turn. */
export class LeaderWatch {
  readonly #options: LeaderWatchOptions;
  #callOff: (() => void) | undefined;
  /** When it is asked, by the monotonic clock; `undefined` while it is being asked. */
  #askAtMs: number | undefined;

  constructor(options: LeaderWatchOptions) {
    this.#options = options;
  }

  /** Says whether there is somebody to watch. */
  set(isNeeded: boolean): void {
    if (!isNeeded) {
      this.#callOff?.();
      this.#callOff = undefined;
    } else if (this.#callOff === undefined) this.#wait(PATIENCE_MS);
  }

  /** There is something to do: it is asked soon, where it would be later. */
  hurry(): void {
    const { clock } = this.#options;
    if (this.#callOff === undefined || this.#askAtMs === undefined) return;
    if (this.#askAtMs - clock.monotonicMs() > PATIENCE_MS) this.#wait(PATIENCE_MS);
  }

  /** It has said something. @param isAtWork - whether it is about to do what waits to be done */
  heard(isAtWork: boolean): void {
    if (this.#callOff !== undefined) this.#wait(isAtWork ? PATIENCE_MS : QUIET_MS);
  }

  #wait(delayMs: number): void {
    const { clock, random, ask } = this.#options;
    this.#callOff?.();
    this.#askAtMs = clock.monotonicMs() + delayMs;
    this.#callOff = clock.schedule(() => {
      this.#askAtMs = undefined;
      this.#listen(ANSWER_MS + random() * ANSWER_SPREAD_MS);
      ask();
    }, delayMs);
  }

  #listen(answerMs: number): void {
    const { clock, onSilence } = this.#options;
    const endMs = clock.monotonicMs() + answerMs;
    const end = (): void => {
      this.#callOff = undefined;
      onSilence();
    };
    this.#callOff = clock.schedule(() => {
      if (clock.monotonicMs() - endMs < LATE_MS) end();
      // What lies there is read first.
      else this.#callOff = clock.schedule(end, LATE_MS);
    }, answerMs);
  }
}
