/**
 * Tells the other tabs that the journal has grown. A hint only: a lost message costs a conflict, never correctness.
 *
 * @module
 */

/** A BroadcastChannel between the workers of one store, in this origin. */
export class HeadChannel {
  readonly #channel: BroadcastChannel;

  /** @param onHead - called with the position of a record that another tab wrote */
  constructor(storeName: string, onHead: (position: number) => void) {
    this.#channel = new BroadcastChannel(`daybook:${storeName}:head`);
    this.#channel.addEventListener('message', (event: MessageEvent<unknown>) => {
      // Another version of the code may say something else here.
      if (Number.isSafeInteger(event.data)) onHead(event.data as number);
    });
  }

  /** Says that a record was written at this position. */
  post(position: number): void {
    this.#channel.postMessage(position);
  }

  close(): void {
    this.#channel.close();
  }
}
