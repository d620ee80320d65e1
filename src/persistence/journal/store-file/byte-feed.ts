/** Gives the next bytes of something, as many as it likes; undefined at the end. */
export type PullBytes = () => Promise<Uint8Array | undefined>;

/** What was taken, and whether it is less than was asked for, because there is no more. */
export interface TakenBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isShort: boolean;
}

/** Cuts bytes that arrive in any sizes into the sizes that are wanted. Holds no more than was asked for, and one part. */
export class ByteFeed {
  readonly #pull: PullBytes;
  #parts: Uint8Array[] = [];
  #heldBytes = 0;
  #offsetBytes = 0;

  constructor(pull: PullBytes) {
    this.#pull = pull;
  }

  /** Bytes that were taken so far. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  /** Takes the next bytes, a copy. */
  async takeUpTo(count: number): Promise<TakenBytes> {
    while (this.#heldBytes < count && (await this.#hold()));
    // Only what has arrived is reserved: a length that is not true costs nothing.
    const bytes = new Uint8Array(Math.min(count, this.#heldBytes));
    const parts = this.#parts;
    this.#parts = [];
    let at = 0;
    for (const part of parts) {
      const wanted = Math.min(part.length, bytes.length - at);
      bytes.set(part.subarray(0, wanted), at);
      at += wanted;
      if (wanted < part.length) this.#parts.push(part.subarray(wanted));
    }
    this.#heldBytes -= bytes.length;
    this.#offsetBytes += bytes.length;
    return { bytes, isShort: bytes.length < count };
  }

  /** Whether there is nothing more to take. */
  async isAtEnd(): Promise<boolean> {
    return this.#heldBytes === 0 && !(await this.#hold());
  }

  async #hold(): Promise<boolean> {
    for (;;) {
      const part = await this.#pull();
      if (part === undefined) return false;
      if (part.length === 0) continue;
      this.#parts.push(part);
      this.#heldBytes += part.length;
      return true;
    }
  }
}
