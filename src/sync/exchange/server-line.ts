/**
 * Asks a server for the line on which it says when its log has moved: an event stream, or a WebSocket where it states that it
 * takes them.
 *
 * ```text
 * nothing stated yet ──▶ GET ──▶ its answer states WebSockets? ── no ──▶ the stream
 *                                        │ yes
 * stated ────────────────────────────────┴──▶ WebSocket ── there is none ──▶ the next one is asked for by GET: it says why
 * ```
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { LIVE_PAGES, PATHS } from '../protocol/index.js';
import type { HttpTransport } from './http-transport.js';
import { openSocketLine } from './socket-line.js';

/** Asks one server for lines, one after another. */
export class ServerLine {
  readonly #transport: HttpTransport;
  readonly #clock: Clock;
  /** Whether the last line that was asked for was a WebSocket, and there was none. */
  #isSocketMissed = false;

  constructor(transport: HttpTransport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /**
   * Asks for a line, with small pages on it.
   *
   * @param signal - ends it, too
   * @throws UnavailableError (`UNAVAILABLE`) and others as of requests, when there is none
   */
  async open(signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { requests, prefix } = this.#transport;
    const path = `${prefix}${PATHS.live}?${LIVE_PAGES}`;
    const isMissed = this.#isSocketMissed;
    this.#isSocketMissed = false;
    if (isMissed || !this.#takesSockets) {
      const stream = await requests.stream(path, signal);
      if (isMissed || !this.#takesSockets) return stream;
      void stream.cancel().catch(() => undefined);
    }
    this.#isSocketMissed = true;
    const headers = await requests.headers(false, signal);
    const line = await openSocketLine({ url: requests.base + path, headers, clock: this.#clock, signal });
    this.#isSocketMissed = false;
    return line;
  }

  get #takesSockets(): boolean {
    return this.#transport.hasSockets && typeof WebSocket === 'function';
  }
}
