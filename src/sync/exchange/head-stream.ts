/**
 * Hears from the server when its log has moved, and most often with what, for as long as a line can be had.
 *
 * ```text
 *             ┌────────── closed by the server, or silent for too long: at once, where it had lasted ─────────────┐
 *             ▼                                                                                                     │
 * open ──▶ connecting ──▶ live ──head, page──▶ told                                                                    │
 *             │             └──────────────────────────────────────────────────────────────────────────────────────┘
 *             └─ no answer, or a refusal ──▶ waiting, twice as long each time, up to five minutes ──▶ connecting
 * ```
 *
 * A hint only: pages are the truth, and asked for without any line once in a while. So nothing here is an error that
 * anybody has to see, and a line that is dead without having been closed costs time, nothing else.
 *
 * @module
 */
import { unpackPage } from '../../persistence/unit-batch.js';
import type { UnitPage } from '../../persistence/unit.js';
import { backoffDelayMs } from '../../util/backoff.js';
import type { BackoffBounds } from '../../util/backoff.js';
import { fromBase64 } from '../../util/base64.js';
import type { Clock } from '../../util/clock.js';
import { foreignCall } from '../../util/foreign-call.js';
import { pause } from '../../util/pause.js';
import { readEventStream } from './event-stream.js';
import type { StreamMessage } from './event-stream.js';

// A server gives a sign of life every 20 seconds; one may be lost, or late.
const SILENCE_MS_MAX = 50_000;
// A line that is closed sooner is no line: whoever asks again and again at once would be a burden.
const LASTING_MS = 10_000;
const BACKOFF: BackoffBounds = { delayMsMin: 1_000, delayMsMax: 300_000 };

/** What a {@link HeadStream} needs. */
export interface HeadStreamOptions {
  /** Asks for the stream. Rejects when it is refused, or cannot be had. */
  readonly open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  /** Told that there may be something new; of the position, where the server names one. */
  readonly onHead: (head?: number) => void;
  /** Told of each page that it sends. */
  readonly onPage: (page: UnitPage) => void;
  /** Told whether the line is there. Before it was, and after it was lost, something may have been missed. */
  readonly onLive: (isLive: boolean) => void;
  readonly clock: Clock;
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

/** Keeps a line open. */
export class HeadStream {
  readonly #options: HeadStreamOptions;
  #failures = 0;
  #endWait: () => void = () => undefined;

  constructor(options: HeadStreamOptions) {
    this.#options = options;
  }

  /** Takes a reason to hope: tries at once, where it waits. */
  attemptNow(): void {
    this.#failures = 0;
    this.#endWait();
  }

  /** Keeps a line open until the signal says stop. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      const isHeard = await this.#listen(signal);
      const isLasting = isHeard && clock.monotonicMs() - startMs >= LASTING_MS;
      this.#failures = isLasting ? 0 : this.#failures + 1;
      if (!isLasting) await this.#wait(signal);
    }
  }

  /** @returns whether anything was heard */
  async #listen(signal: AbortSignal): Promise<boolean> {
    const { clock, open, onLive } = this.#options;
    const line = new AbortController();
    const end = AbortSignal.any([signal, line.signal]);
    const watch = new SilenceWatch(clock, () => line.abort());
    let isLive = false;
    try {
      const body = await foreignCall(open, { clock, limitMs: SILENCE_MS_MAX, signal: end });
      for await (const message of readEventStream(body, end)) {
        watch.heard();
        if (!isLive) onLive(true);
        isLive = true;
        this.#take(message);
      }
    } catch {
      // The line is gone, or there was none: the next one follows.
    }
    watch.stop();
    line.abort();
    if (isLive) onLive(false);
    return isLive;
  }

  #take(message: StreamMessage): void {
    if (message === 'comment') return;
    if (message.event === 'page') this.#takePage(message.data);
    if (message.event !== 'head') return;
    const head = Number(message.data);
    if (Number.isSafeInteger(head) && head >= 0) this.#options.onHead(head);
  }

  #takePage(data: string): void {
    const page = pageOf(data);
    if (page === undefined) this.#options.onHead();
    else this.#options.onPage(page);
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const wait = new AbortController();
    this.#endWait = () => wait.abort();
    await pause(clock, backoffDelayMs(this.#failures, random, BACKOFF), AbortSignal.any([signal, wait.signal]));
  }
}

/** @returns `undefined` where it cannot be read: then it is asked for */
function pageOf(data: string): UnitPage | undefined {
  try {
    return unpackPage(fromBase64(data));
  } catch {
    return undefined;
  }
}

/** Notices that nothing has been heard for too long. */
class SilenceWatch {
  readonly #clock: Clock;
  readonly #onSilence: () => void;
  #callOff: () => void;

  constructor(clock: Clock, onSilence: () => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
    this.#callOff = clock.schedule(onSilence, SILENCE_MS_MAX);
  }

  heard(): void {
    this.#callOff();
    this.#callOff = this.#clock.schedule(this.#onSilence, SILENCE_MS_MAX);
  }

  stop(): void {
    this.#callOff();
  }
}
