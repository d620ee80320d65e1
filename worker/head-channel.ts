/**
 * Tells the other tabs that the journal has grown. A hint only: a lost message costs a conflict, never correctness.
 *
 * @module
 */

// Nobody notices it, and a tab that commits again and again spends no time on telling the others each time.
const PAUSE_MS = 20;

/** A BroadcastChannel between the workers of one store, in this origin. */
export class HeadChannel {
  readonly #channel: BroadcastChannel;
  /** The newest position that is not posted yet. */
  #unposted: number | undefined;
  #isTimed = false;

  /** @param onHead - called with the position of a record that another tab wrote */
  constructor(storeName: string, onHead: (position: number) => void) {
    this.#channel = new BroadcastChannel(`daybook:${storeName}:head`);
    this.#channel.addEventListener('message', (event: MessageEvent<unknown>) => {
      // Another version of the code may say something else here.
      if (Number.isSafeInteger(event.data)) onHead(event.data as number);
    });
  }

  /**
   * Says that a record was written at this position: at once after a pause, but whoever waits for the commit goes
   * first; else a little later, when the newest position says all.
   */
  post(position: number): void {
    this.#unposted = Math.max(this.#unposted ?? 0, position);
    if (!this.#isTimed) this.#postIn(0);
  }

  /** Posts what is left to post. */
  close(): void {
    this.#postNow();
    this.#channel.close();
  }

  #postIn(delayMs: number): void {
    this.#isTimed = true;
    setTimeout(() => {
      this.#isTimed = false;
      if (this.#postNow()) this.#postIn(PAUSE_MS);
    }, delayMs);
  }

  /** @returns whether there was something to post */
  #postNow(): boolean {
    if (this.#unposted === undefined) return false;
    this.#channel.postMessage(this.#unposted);
    this.#unposted = undefined;
    return true;
  }
}
