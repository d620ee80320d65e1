/**
 * When checkpoints are written: in the background, in a pause, by one tab at a time.
 *
 * ```text
 * idle ──need ≥ 1──▶ waiting for a pause ──pause, or need ≥ 4──▶ checkpoint ─▶ compact, a slice in each pause ─▶ idle
 * ```
 *
 * 1. Two of them never run at once: not in this tab, and not in two tabs where there are Web Locks.
 * 2. A failure changes nothing for commits: it is kept in {@link BackgroundCheckpoints.lastError} and tried again later.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import type { CheckpointOutcome } from './checkpoints.js';

// Whoever types or scans pauses longer than this between two commits; a burst of commits does not.
const PAUSE_MS = 300;
// Without a pause for so long that opening would take noticeably longer, commits have to bear it.
const NEED_URGENT = 4;
// After a failure, a full disk for example: soon enough, and no burden.
const RETRY_DELAY_MS = 60_000;
// Records deleted in one transaction, which commits have to wait for: a few milliseconds.
const COMPACT_RECORDS_MAX = 500;

/** The part of a durable recorder that is needed here. */
export interface CheckpointSource {
  readonly isBusy: boolean;
  readonly checkpointNeed: number;
  checkpoint(): Promise<CheckpointOutcome>;
  compact(limit: number): Promise<number>;
}

/** Options of {@link BackgroundCheckpoints}. */
export interface BackgroundCheckpointsOptions {
  readonly source: CheckpointSource;
  readonly clock: Clock;
  /** Does work while no other tab does; does nothing when another tab is at it. */
  readonly alone: (work: () => Promise<void>) => Promise<void>;
}

/** Writes checkpoints of one store as they become due. */
export class BackgroundCheckpoints {
  readonly #source: CheckpointSource;
  readonly #clock: Clock;
  readonly #alone: (work: () => Promise<void>) => Promise<void>;
  /** Whether a timer is set, or work is done. */
  #isActive = false;
  /** Whether something was recorded since the timer was set. */
  #isDisturbed = false;
  #callOff: () => void = () => undefined;
  #closed = false;
  #lastError: unknown;

  constructor(options: BackgroundCheckpointsOptions) {
    this.#source = options.source;
    this.#clock = options.clock;
    this.#alone = options.alone;
  }

  /** Why the last attempt failed, if it did. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** To be called after every change of the store. Costs nothing when nothing is due. */
  note(): void {
    this.#isDisturbed = true;
    if (!this.#isActive && this.#source.checkpointNeed >= 1) this.#wait(PAUSE_MS);
  }

  /** Starts nothing any more. What is in flight ends with the store. */
  close(): void {
    this.#closed = true;
    this.#callOff();
  }

  #wait(delayMs: number): void {
    if (this.#closed) return;
    this.#isActive = true;
    this.#isDisturbed = false;
    this.#callOff = this.#clock.schedule(() => void this.#onPause(), delayMs);
  }

  async #onPause(): Promise<void> {
    const isPause = !this.#isDisturbed && !this.#source.isBusy;
    if (!isPause && this.#source.checkpointNeed < NEED_URGENT) {
      this.#wait(PAUSE_MS);
      return;
    }
    let delayMs = PAUSE_MS;
    try {
      await this.#alone(() => this.#work());
      this.#lastError = undefined;
    } catch (error) {
      this.#lastError = error;
      delayMs = RETRY_DELAY_MS;
    }
    this.#isActive = false;
    // While another tab is at it, or commits went on: need is looked at again.
    if (this.#source.checkpointNeed >= 1 || this.#lastError !== undefined) this.#wait(delayMs);
  }

  async #work(): Promise<void> {
    await this.#source.checkpoint();
    while (!this.#closed && (await this.#source.compact(COMPACT_RECORDS_MAX)) === COMPACT_RECORDS_MAX) {
      await this.#briefly();
    }
  }

  /** Lets commits go first. */
  #briefly(): Promise<void> {
    return pause(this.#clock, this.#source.isBusy ? PAUSE_MS : 0);
  }
}
