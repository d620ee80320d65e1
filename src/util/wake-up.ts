import type { Clock } from './clock.js';

/** Lets one waiter sleep until it is woken, or time is up. A ring while nobody waits ends the next wait at once. */
export class WakeUp {
  readonly #clock: Clock;
  #hasRung = false;
  #hasEnded = false;
  #onRing: () => void = () => undefined;
  #onEnd: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wakes who waits. */
  ring(): void {
    this.#hasRung = true;
    this.#onRing();
  }

  /** Forgets that it rang. */
  hush(): void {
    this.#hasRung = false;
  }

  /** Wakes who waits, also who does not listen to rings, and lets nobody wait any more. */
  end(): void {
    this.#hasEnded = true;
    this.#onEnd();
  }

  /** Waits until it rings, at most so long. */
  async wait(waitMsMax: number): Promise<void> {
    if (!this.#hasRung) await this.#wait(waitMsMax, true);
  }

  /** Waits so long, however often it rings. */
  async sleep(waitMs: number): Promise<void> {
    await this.#wait(waitMs, false);
  }

  async #wait(waitMsMax: number, listens: boolean): Promise<void> {
    if (this.#hasEnded) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.schedule(resolve, waitMsMax);
      this.#onEnd = () => {
        cancel();
        resolve();
      };
      this.#onRing = listens ? this.#onEnd : () => undefined;
    });
  }
}
