/**
 * Tells the other tabs that the journal has grown. A hint only: a lost message costs a conflict, never correctness.
 *
 * @module
 */
import { headChannelName } from '../origin/origin-names.js';
import { systemClock } from '../util/clock.js';

// What another tab gets at most, whatever it asks for.
const WAY_MS_MAX = 500;
// Nobody notices it, and a tab that commits again and again spends no time on telling the others each time.
const PAUSE_MS = 20;

/** A BroadcastChannel between the workers of one store, in this origin. */
export class HeadChannel {
  readonly #channel: BroadcastChannel;
  /** The newest position that is not posted yet. */
  #unposted: number | undefined;
  #isTimed = false;

  /**
   * @param onHead - called with the position of a record that another tab wrote
   * @param onAsked - called with how long another tab asks for the way, in milliseconds
   */
  constructor(storeName: string, onHead: (position: number) => void, onAsked: (durationMs: number) => void) {
    this.#channel = new BroadcastChannel(headChannelName(storeName));
    this.#channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      // Another version of the code may say something else here.
      if (!Number.isSafeInteger(data)) return;
      if ((data as number) < 0) onAsked(Math.min(-(data as number), WAY_MS_MAX));
      else onHead(data as number);
    });
  }

  /** Asks the other tabs to record nothing for a while, in whole milliseconds. As a negative number, which older code takes for an old hint. */
  askForWay(durationMs: number): void {
    this.#channel.postMessage(-durationMs);
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
    systemClock.schedule(() => {
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
