/**
 * The parts of the way between two browsers, bare: a request, and a message on a stream.
 *
 * @module
 */
import { nowMs } from './now.js';

/** Sends a request and reads the answer. Gives how long that took, in milliseconds. */
export interface RequestJob {
  readonly kind: 'request';
  readonly url: string;
  /** Of the body; a GET where there is none. */
  readonly bytes?: number;
}

/** Opens a stream of messages, which stays open. */
export interface ListenJob {
  readonly kind: 'listen';
  readonly url: string;
}

/** Waits for the next message, counted from 1. Gives when it came, in milliseconds since 1970. */
export interface ToldJob {
  readonly kind: 'told';
  readonly message: number;
}

// What takes longer does not come.
const TOLD_MS_MAX = 30_000;

/** Asks a server that has nothing to do. */
export class PartsClient {
  readonly #toldAtMs: number[] = [];
  readonly #waiting = new Map<number, (atMs: number) => void>();

  async request({ url, bytes }: RequestJob): Promise<number> {
    const body = bytes === undefined ? undefined : new Uint8Array(bytes);
    const startMs = performance.now();
    const response = await fetch(url, body === undefined ? { cache: 'no-store' } : { method: 'POST', body });
    await response.arrayBuffer();
    const tookMs = performance.now() - startMs;
    if (!response.ok) throw new Error(`${url} has answered ${response.status}`);
    return tookMs;
  }

  async listen({ url }: ListenJob): Promise<undefined> {
    this.#toldAtMs.length = 0;
    const { body } = await fetch(url, { cache: 'no-store' });
    if (body === null) throw new Error('there is no stream');
    void this.#read(body.getReader());
  }

  /** @throws Error when it does not come */
  async told({ message }: ToldJob): Promise<number> {
    const atMs = this.#toldAtMs[message - 1];
    if (atMs !== undefined) return atMs;
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not told within ${TOLD_MS_MAX} ms`)), TOLD_MS_MAX);
      this.#waiting.set(message, (at) => {
        clearTimeout(timer);
        resolve(at);
      });
    });
  }

  /** Each message comes in a chunk of its own: the next one is sent when this one was heard of. */
  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    for (;;) {
      const { done } = await reader.read();
      if (done) return;
      const atMs = nowMs();
      this.#toldAtMs.push(atMs);
      this.#waiting.get(this.#toldAtMs.length)?.(atMs);
      this.#waiting.delete(this.#toldAtMs.length);
    }
  }
}
