/**
 * Tells the main thread of progress over a port of its own, which keeps no order with the answers of the worker.
 *
 * @typeParam P - what is told
 */
export class ProgressLine<P> {
  /** Tells, and waits for nothing. `undefined` when nobody listens, so that nothing need be counted. */
  readonly tell: ((progress: P) => void) | undefined;
  #told: Promise<unknown> = Promise.resolve();

  /** @param listener - a Comlink proxy, whose calls are promises */
  constructor(listener: ((progress: P) => unknown) | undefined) {
    if (listener === undefined) return;
    this.tell = (progress) => {
      // What the listener throws is its own affair.
      this.#told = Promise.resolve(listener(progress)).catch(() => undefined);
    };
  }

  /** Waits until everything was heard: nobody is to be told of progress after the end. */
  async heard(): Promise<void> {
    await this.#told;
  }
}
