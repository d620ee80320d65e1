/**
 * Notices that the tab which should push does not: it is frozen, or hangs.
 *
 * ```text
 *  off ──events wait──▶ patient ──time──▶ asking ──time──▶ silent: this tab takes over
 *   ▲                    ▲                  │
 *   └──none waits        └── it was heard ──┘
 * ```
 *
 * A tab that lives answers a question as soon as its store has answered it, also in the background: messages are not
 * throttled as timers are. So a tab that does not answer does not push either. Where it does after all, two send the same:
 * that wastes a request, and the server answers the second as recorded before.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';

// A push takes a moment; then events are not waiting any more.
const PATIENCE_MS = 2_000;
// The tab has said that it lives, and how it stands: there is no network, for example.
const HEARD_MS = 15_000;
// Long, because a thread that is busy for a second is no reason; and spread, so that of several tabs one is first.
const ANSWER_MS = 2_000;
const ANSWER_SPREAD_MS = 1_000;

/** What a {@link LeaderWatch} needs. */
export interface LeaderWatchOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Asks the tab that should push. */
  readonly ask: () => void;
  /** There was no answer. */
  readonly onSilence: () => void;
}

/** Watches while events wait for somebody else. */
export class LeaderWatch {
  readonly #options: LeaderWatchOptions;
  #callOff: (() => void) | undefined;

  constructor(options: LeaderWatchOptions) {
    this.#options = options;
  }

  /** Says whether there is something to wait for. */
  set(isNeeded: boolean): void {
    if (!isNeeded) {
      this.#callOff?.();
      this.#callOff = undefined;
    } else if (this.#callOff === undefined) this.#wait(PATIENCE_MS);
  }

  /** Another tab said that it pushes. */
  heard(): void {
    if (this.#callOff === undefined) return;
    this.#callOff();
    this.#wait(HEARD_MS);
  }

  #wait(delayMs: number): void {
    const { clock, random, ask, onSilence } = this.#options;
    this.#callOff = clock.schedule(() => {
      this.#callOff = clock.schedule(
        () => {
          this.#callOff = undefined;
          onSilence();
        },
        ANSWER_MS + random() * ANSWER_SPREAD_MS,
      );
      ask();
    }, delayMs);
  }
}
