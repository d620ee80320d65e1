import { UnavailableError } from '../../sync/protocol/index.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { answerWithin } from '../operator/foreign-code.js';

// Load balancers ask every few seconds; anybody may ask a thousand times a second.
const FRESH_MS = 1_000;
// Shorter than those who ask usually wait.
const LIMIT_MS = 5_000;

/**
 * Whether the database answers, for whoever asks: needs no token, and takes nothing from those who push.
 *
 * At most one question is on its way, however many ask, so at most one connection of the pool is taken; its answer is
 * good for a second, be it yes or no. While pushes are answered, nothing is asked at all.
 */
export class HealthCheck {
  readonly #question: () => Promise<unknown>;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #limitMs: number;
  /** The last answer of the database, whoever asked, and until when it is good. */
  #known: Promise<unknown> = Promise.resolve();
  #freshUntilMs = -Infinity;
  #asking: Promise<unknown> | undefined;

  /** @param question - rejects when the database does not do what the server needs */
  constructor(
    question: () => Promise<unknown>,
    clock: Pick<Clock, 'monotonicMs'> = systemClock,
    limitMs: number = LIMIT_MS,
  ) {
    this.#question = question;
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Takes the answer of the database to somebody else: it works. */
  noteAnswer(): void {
    this.#learn(Promise.resolve());
  }

  /** Takes the trouble of somebody else: what was known is old. */
  noteTrouble(): void {
    this.#freshUntilMs = -Infinity;
  }

  /**
   * @throws UnavailableError (`UNAVAILABLE`) when the database does not answer in time
   * @throws what the recorder rejects with
   */
  async check(): Promise<void> {
    if (this.#isFresh()) {
      await this.#known;
      return;
    }
    this.#asking ??= this.#ask();
    await answerWithin(this.#asking, this.#limitMs, tooLate).catch(async (error: unknown) => {
      // All connections may be busy with pushes, which are answered: then this is known by now.
      if (!this.#isFresh()) throw error;
      await this.#known;
    });
  }

  #isFresh(): boolean {
    return this.#clock.monotonicMs() < this.#freshUntilMs;
  }

  async #ask(): Promise<unknown> {
    const answer = (async () => await this.#question())();
    const learn = (): void => {
      this.#asking = undefined;
      this.#learn(answer);
    };
    answer.then(learn, learn);
    return await answer;
  }

  #learn(answer: Promise<unknown>): void {
    this.#known = answer;
    this.#freshUntilMs = this.#clock.monotonicMs() + FRESH_MS;
  }
}

function tooLate(): UnavailableError {
  return new UnavailableError('The database does not answer.');
}
