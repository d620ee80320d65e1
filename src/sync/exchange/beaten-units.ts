/**
 * Units that were sent, and found others in their place: how often, and when the next push is due.
 *
 * ```text
 * sent, and lost ──▶ follow, decide again ──▶ a wait by chance ──▶ sent, and lost ──▶ … the eighth time: given up
 *                                              │       ▲
 *                                              └ a page comes: decided on again, in the same wait
 * ```
 *
 * Only what was sent can lose. A unit that waits is decided again with every page that has something in its place, and that
 * says nothing about its chances.
 *
 * All who lost to one push hear of it at the same moment. Whoever has the shortest wait sends next, and the others hear of that
 * before they send, unless their waits end within the time of one push. So the wait is counted in these, and its bound doubles
 * where somebody loses again: then more than that were there. That whoever has lost often sends at once, as if it were first
 * in a line, was tried out: such senders are several, and meet each other again and again.
 *
 * @module
 */
import type { SetAsideReason } from '../../persistence/unit-recorder.js';
import type { UnitId } from '../../persistence/unit.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { Clock } from '../../util/clock.js';

/** So often a unit is sent and loses, before somebody has to look at it. */
export const DEFEATS_MAX = 8;
// The bound of the first wait, in times that the push took.
const PUSHES_WAITED = 2;
const WAIT_MS_MAX = 20_000;

const EXHAUSTED: SetAsideReason = {
  code: 'DECISIONS_EXHAUSTED',
  message: `It was sent ${DEFEATS_MAX} times, and others were faster each time.`,
};

/** Counts, and says how long to wait. */
export class BeatenUnits {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #random: () => number;
  readonly #defeats = new Map<UnitId, number>();
  /** Of the one that has lost last, until it is decided again. */
  #last: { readonly defeats: number; readonly tookMs: number } | undefined;
  #dueAtMs = -Infinity;

  /** @param random - from 0 (inclusive) to 1 (exclusive) */
  constructor(clock: Pick<Clock, 'monotonicMs'>, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Milliseconds until the next push is due; 0 when there is nothing to wait for. */
  get waitMs(): number {
    return Math.max(0, this.#dueAtMs - this.#clock.monotonicMs());
  }

  /** Whether all that have lost are through by now, or set aside. */
  get isEmpty(): boolean {
    return this.#defeats.size === 0;
  }

  /** Those that are not decided again, and why. */
  get givenUp(): ReadonlyMap<UnitId, SetAsideReason> {
    const exhausted = [...this.#defeats].filter(([, defeats]) => defeats >= DEFEATS_MAX);
    return new Map(exhausted.map(([id]) => [id, EXHAUSTED]));
  }

  /** Takes that a unit was sent, and that another stands in its place. @param tookMs - for how long the push was on its way */
  noteDefeat(id: UnitId, tookMs: number): void {
    const defeats = (this.#defeats.get(id) ?? 0) + 1;
    this.#defeats.set(id, defeats);
    this.#last = { defeats, tookMs };
  }

  /** Takes that all that has come was decided on, and what was given up is set aside: the wait begins. */
  noteDecided(): void {
    // Whoever tries it again has as many tries again.
    this.forget(this.givenUp.keys());
    if (this.#last === undefined) return;
    const { defeats, tookMs } = this.#last;
    this.#last = undefined;
    const bounds = { delayMsMin: PUSHES_WAITED * tookMs, delayMsMax: WAIT_MS_MAX };
    this.#dueAtMs = this.#clock.monotonicMs() + backoffDelayMs(defeats, this.#random, bounds);
  }

  /** Takes that units are through, or set aside. @param ids - @defaultValue all: there is nothing to send */
  forget(ids: Iterable<UnitId> = this.#defeats.keys()): void {
    for (const id of ids) this.#defeats.delete(id);
    if (this.isEmpty) this.hope();
  }

  /** Ends the wait. */
  hope(): void {
    this.#dueAtMs = -Infinity;
  }
}
