/**
 * What is new in a log as an event stream: what `GET …/live` answers with.
 *
 * ```text
 * event: head
 * data: 4711
 *
 * event: page     where the device takes pages, and it is a small one
 * data: AQAB…
 *
 * : keep          every 20 seconds, so that both ends learn of a dead line
 * ```
 *
 * Source: Server-sent events, WHATWG HTML, section 9.2.
 *
 * Of what somebody does not read, one message is kept, and that there is more: what it is, is asked when there is room.
 *
 * @module
 */
import { toBase64 } from '../../util/base64.js';
import type { Clock } from '../../util/clock.js';
import { onAbort } from '../../util/on-abort.js';
import type { HeadHub } from './head-hub.js';

/** Milliseconds between two signs of life. */
export const LIVE_KEEPALIVE_MS = 20_000;
// Who does not read for as long is gone, or as good as that: the line is closed, and the room given to others.
const UNREAD_MS_MAX = 60_000;

const encoder = new TextEncoder();
const KEEP = encoder.encode(': keep\n\n');

/** The event that names a head. */
export function headMessage(head: number): Uint8Array {
  return encoder.encode(`event: head\ndata: ${head}\n\n`);
}

/** The event with a page. @param packed - as a request would be answered with */
export function pageMessage(packed: Uint8Array): Uint8Array {
  return encoder.encode(`event: page\ndata: ${toBase64(packed)}\n\n`);
}

/** Options of {@link liveStream}. */
export interface LiveStreamOptions {
  readonly hub: HeadHub;
  readonly clock: Clock;
  /**
   * What is said when the log has moved: a message, or nothing, where it has been said. Asked for one at a time, and when
   * there is room for it. When it rejects, the stream ends. @defaultValue the head
   */
  readonly tell?: ((head: number) => Promise<Uint8Array | undefined>) | undefined;
  /** Ends the stream: the request is over, the server shuts down, the token has expired. */
  readonly signal: AbortSignal;
  /** Called once when it has ended, however. */
  readonly onEnd?: (() => void) | undefined;
}

/** Tells of each new head. Who reads slowly is told of the newest one, and holds nothing up. */
export function liveStream(options: LiveStreamOptions): ReadableStream<Uint8Array> {
  const line = new LiveLine(options);
  return new ReadableStream(
    {
      start: (controller) => line.start(controller),
      pull: () => line.pull(),
      cancel: () => line.end(),
    },
    { highWaterMark: 1 },
  );
}

class LiveLine {
  readonly #options: LiveStreamOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #unsent: number | undefined;
  #isAsking = false;
  #lastReadMs: number;
  #release: readonly (() => void)[] = [];

  constructor(options: LiveStreamOptions) {
    this.#options = options;
    this.#lastReadMs = options.clock.monotonicMs();
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const { hub, signal } = this.#options;
    this.#controller = controller;
    const callOff = this.#keepAlive();
    const leave = hub.subscribe((head) => this.#take(head));
    this.#release = [callOff, leave];
    // Whatever is in between sends the head of the answer on with the first bytes.
    this.#send(KEEP);
    this.#release = [...this.#release, onAbort(signal, () => this.end())];
  }

  pull(): void {
    this.#lastReadMs = this.#options.clock.monotonicMs();
    this.#flush();
  }

  end(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#controller = undefined;
    for (const release of this.#release) release();
    try {
      controller.close();
    } catch {
      // The reader has gone: there is nothing to close.
    }
    this.#options.onEnd?.();
  }

  #take(head: number): void {
    this.#unsent = head;
    this.#flush();
  }

  #flush(): void {
    if (this.#unsent === undefined || this.#isAsking || !this.#hasRoom()) return;
    const head = this.#unsent;
    this.#unsent = undefined;
    const { tell } = this.#options;
    if (tell === undefined) this.#send(headMessage(head));
    else void this.#ask(() => tell(head));
  }

  async #ask(tell: () => Promise<Uint8Array | undefined>): Promise<void> {
    this.#isAsking = true;
    try {
      const message = await tell();
      if (message !== undefined) this.#send(message);
    } catch {
      this.end();
    }
    this.#isAsking = false;
    this.#flush();
  }

  #keepAlive(): () => void {
    const { clock } = this.#options;
    let callOff: () => void;
    const keep = (): void => {
      callOff = clock.schedule(keep, LIVE_KEEPALIVE_MS);
      if (this.#hasRoom()) this.#send(KEEP);
      else if (clock.monotonicMs() - this.#lastReadMs >= UNREAD_MS_MAX) this.end();
    };
    callOff = clock.schedule(keep, LIVE_KEEPALIVE_MS);
    return () => callOff();
  }

  #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  #send(bytes: Uint8Array): void {
    this.#controller?.enqueue(bytes);
  }
}
