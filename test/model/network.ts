/**
 * A network that loses requests and answers, brings them late and in another order, and brings a push once more.
 *
 * @module
 */
import type { SeededRandom } from '../soak/seeded-random.js';

export interface Faults {
  /** Of requests, and of answers. */
  readonly lossShare: number;
  /** Of pushes. */
  readonly repeatShare: number;
  /** The latest that a message comes, in steps. */
  readonly delayMax: number;
}

export const FAULTS: Faults = { lossShare: 0.15, repeatShare: 0.15, delayMax: 25 };
export const NO_FAULTS: Faults = { lossShare: 0, repeatShare: 0, delayMax: 1 };

export class ModelNetwork {
  faults: Faults = FAULTS;
  readonly #random: SeededRandom;
  #now = 0;
  #messages: { readonly at: number; readonly deliver: () => void }[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** @param ask - brings the request to the server and gives its answer; called once, twice, or never */
  send<A>(ask: () => A, answered: (answer: A) => void, mayRepeat: boolean): void {
    const { lossShare, repeatShare } = this.faults;
    if (!this.#random.chance(lossShare)) this.#deliver(ask, answered, this.#random.chance(0.3));
    if (mayRepeat && this.#random.chance(repeatShare)) this.#deliver(ask, answered, true);
  }

  /** Brings what is due. */
  step(): void {
    this.#now++;
    const due = this.#messages.filter(({ at }) => at <= this.#now);
    this.#messages = this.#messages.filter(({ at }) => at > this.#now);
    for (const { deliver } of due) deliver();
  }

  #deliver<A>(ask: () => A, answered: (answer: A) => void, isLate: boolean): void {
    const at = this.#now + 1 + (isLate ? this.#random.between(0, this.faults.delayMax - 1) : 0);
    this.#messages.push({
      at,
      deliver: () => {
        const answer = ask();
        if (this.#random.chance(this.faults.lossShare)) return;
        this.#messages.push({ at: this.#now + 1, deliver: () => answered(answer) });
      },
    });
  }
}
