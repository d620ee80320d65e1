/**
 * How much is asked for at once: less when it does not get through, more again when it does.
 *
 * ```text
 * too large, or no answer ─▶ half of what it was, down to one unit
 * done quickly            ─▶ twice as much, but not as much as was refused a while ago, nor more than the server takes
 * done slowly             ─▶ as much again
 * ```
 *
 * A proxy's limit and a line's speed are told by nobody. So whoever takes half a megabyte gets it, and a line on which a
 * whole request does not arrive in time carries smaller ones.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import type { UnitLimits } from '../../persistence/unit-recorder.js';
import { TooLargeError, UnavailableError } from '../protocol/index.js';
import type { SyncLimits } from '../protocol/index.js';

// Of a request beside its units; and what a unit takes beside its events, at the most.
const OVERHEAD_BYTES = 4_096;
// What took longer is large enough: twice as much may be cut off by somebody's limit of time.
const QUICK_MS = 5_000;
// What took longer had more to do than to wait: two at once would only be in each other's way.
const AT_ONCE_MS = 1_000;
// What failed after so long failed for its size, as far as anybody can tell.
const LONG_MS = 10_000;
// So little fits into a few packets: what is lost is not lost for its size.
const LOST_BYTES_MIN = 8_192;
// Whoever refused so much may have been mended since, or be another one on another network.
const CEILING_MS = 600_000;

/** Says how much. */
export class SendSize {
  readonly #clock: Clock;
  #bytesMax = Infinity;
  #isQuick = false;
  /** What did not get through, and until when that counts. */
  #ceiling = { bytes: Infinity, untilMs: -Infinity };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the last one got through, and so quickly that the next one may be sent while it is on its way. */
  get isQuick(): boolean {
    return this.#isQuick;
  }

  /** @param server - what it takes */
  limits(server: SyncLimits): UnitLimits {
    const bytes = Math.max(1, Math.floor(Math.min(this.#bytesMax, server.bytes - OVERHEAD_BYTES)));
    return { eventsMax: server.events, bytesMax: bytes };
  }

  /**
   * @param bytes - how much it was
   * @param tookMs - until it failed
   * @param isRefused - whether as much will not get through the next time either
   */
  failed(bytes: number, tookMs: number, isRefused: boolean): void {
    this.#isQuick = false;
    const half = Math.min(this.#bytesMax, bytes) / 2;
    this.#bytesMax = isRefused ? half : Math.max(half, Math.min(this.#bytesMax, LOST_BYTES_MIN));
    if (isRefused || tookMs > LONG_MS) this.#ceiling = { bytes, untilMs: this.#clock.monotonicMs() + CEILING_MS };
  }

  /** The same, of what a transport has thrown, where less might have got through. */
  noteFailure(error: unknown, bytes: number, tookMs: number): void {
    this.#isQuick = false;
    if (error instanceof TooLargeError) this.failed(bytes, tookMs, true);
    else if (error instanceof UnavailableError && mayBeForSize(error)) this.failed(bytes, tookMs, false);
  }

  succeeded(tookMs: number): void {
    this.#isQuick = tookMs <= AT_ONCE_MS;
    if (tookMs > QUICK_MS) return;
    const ceiling = this.#clock.monotonicMs() < this.#ceiling.untilMs ? this.#ceiling.bytes : Infinity;
    const more = Math.min(2 * this.#bytesMax, (this.#bytesMax + ceiling) / 2);
    // Not closer and closer to a limit, which would be met again with each try.
    if (ceiling - this.#bytesMax > this.#bytesMax / 4) this.#bytesMax = more;
  }
}

/** Whether less might have got through: not when the server has too much to do, or nothing was sent. */
function mayBeForSize({ details }: UnavailableError): boolean {
  return details['status'] !== 429 && details['status'] !== 503 && details['reason'] !== 'token';
}
