/**
 * How much is sent at once: less when it does not get through, more again when it does.
 *
 * ```text
 * too large, or no answer ─▶ half of what was sent, down to one event
 * confirmed quickly       ─▶ twice as much, but not as much as was refused a while ago
 * confirmed slowly        ─▶ as much again
 * ```
 *
 * A proxy's limit and a line's speed are told by nobody. So whoever takes half a megabyte gets it, and a line on which a
 * whole batch does not arrive in time carries smaller ones.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { PUSH_BODY_BYTES_MAX, PUSH_EVENTS_MAX } from '../protocol/index.js';
import type { Notification } from '../../persistence/stored-event.js';

// What an event takes on the wire beside its state and topic: ids, names of fields, punctuation.
const EVENT_OVERHEAD_BYTES = 200;
// Leaves room for the rest of the request.
const BATCH_BYTES_MAX = PUSH_BODY_BYTES_MAX - 4_096;
// A batch that took longer is large enough: twice as much may be cut off by somebody's limit of time.
const QUICK_MS = 5_000;
// Whoever refused so much may have been mended since, or be another one on another network.
const CEILING_MS = 600_000;

/** Cuts batches. */
export class BatchSize {
  readonly #clock: Clock;
  #bytesMax = BATCH_BYTES_MAX;
  #eventsMax = PUSH_EVENTS_MAX;
  /** What did not get through, and until when that counts. */
  #ceiling = { bytes: Infinity, untilMs: -Infinity };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many events are worth reading for a batch. */
  get eventsMax(): number {
    return this.#eventsMax;
  }

  /** The first events that fit. One always does, whatever its size: whoever takes it says whether it is too large. */
  cut(page: readonly Notification[]): readonly Notification[] {
    let bytes = 0;
    const fitting = page.findIndex((notification) => (bytes += wireBytes(notification)) > this.#bytesMax);
    const batch = fitting === -1 ? page : page.slice(0, Math.max(1, fitting));
    // So that nobody reads five hundred large events again and again to send one of them.
    this.#eventsMax = Math.min(PUSH_EVENTS_MAX, 2 * batch.length + 1);
    return batch;
  }

  /** @param isLimit - whether as much will not get through the next time either */
  failed(batch: readonly Notification[], isLimit: boolean): void {
    const bytes = bytesOf(batch);
    this.#bytesMax = Math.min(this.#bytesMax, bytes / 2);
    if (isLimit) this.#ceiling = { bytes, untilMs: this.#clock.monotonicMs() + CEILING_MS };
  }

  succeeded(tookMs: number): void {
    if (tookMs > QUICK_MS) return;
    const ceiling = this.#clock.monotonicMs() < this.#ceiling.untilMs ? this.#ceiling.bytes : Infinity;
    const more = Math.min(BATCH_BYTES_MAX, 2 * this.#bytesMax, (this.#bytesMax + ceiling) / 2);
    // Not closer and closer to a limit, which would be met again with each try.
    if (ceiling - this.#bytesMax > this.#bytesMax / 4) this.#bytesMax = more;
  }
}

/** What events take on the wire, at the most. */
export function bytesOf(batch: readonly Notification[]): number {
  return batch.reduce((sum, notification) => sum + wireBytes(notification), 0);
}

function wireBytes(notification: Notification): number {
  return Math.ceil(notification.state.length / 3) * 4 + notification.topic.length * 3 + EVENT_OVERHEAD_BYTES;
}
