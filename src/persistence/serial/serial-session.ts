/**
 * One connection, used by one piece of work at a time: how recorders on synchronous engines share it with transactions
 * that belong to the caller and last as long as the caller likes.
 *
 * ```text
 * run ───────▶ turn ─▶ work
 * write ─────▶ turn ─▶ begin ─▶ work ─▶ commit, or rollback
 * transaction ▶ turn ─▶ begin ─▶ work with an inner session ─▶ inner session ends ─▶ commit, or rollback
 * ```
 *
 * An inner session is a session again, whose units are savepoints. Its states:
 *
 * ```text
 * open ──▶ ending   the work has resolved: what has come waits for its turn, new calls are refused
 *   │        │
 *   └────────┴────▶ ended: every call is refused, also one that waited
 * ```
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { FifoMutex } from '../../util/fifo-mutex.js';
import { OperationalError } from '../errors.js';
import type { CallOptions } from '../heed-signal.js';
import { LOCK_TIMEOUT_MS_DEFAULT, LOCKED_REASON, retryWhileLocked } from './lock-retry.js';
import type { LockWait } from './lock-retry.js';
import { transactionEnded } from './unit-of-work.js';
import type { UnitOfWork } from './unit-of-work.js';

/** What a {@link SerialSession} needs. */
export interface SerialSessionOptions {
  readonly unit: UnitOfWork;
  /** Milliseconds to wait for one's turn, and again for a lock of another connection. @defaultValue 5,000 */
  readonly lockTimeoutMs?: number;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** The session that this one is inside of. It ends with it. */
  readonly outer?: SerialSession;
  /** Asked before each call, and throws what it is refused with. @defaultValue nothing is asked */
  readonly assertUsable?: () => void;
  /** Called once, when an inner session has ended. */
  readonly onEnded?: () => void;
}

/** Serialises the use of one connection. */
export class SerialSession {
  readonly #unit: UnitOfWork;
  readonly #lockWait: LockWait;
  readonly #turns: FifoMutex;
  readonly #outer: SerialSession | undefined;
  readonly #assertUsable: (() => void) | undefined;
  readonly #onEnded: () => void;
  #state: 'open' | 'ending' | 'ended' = 'open';

  constructor(options: SerialSessionOptions) {
    const { lockTimeoutMs = LOCK_TIMEOUT_MS_DEFAULT, clock = systemClock } = options;
    this.#unit = options.unit;
    this.#lockWait = { lockTimeoutMs, clock };
    this.#turns = new FifoMutex({ waitMsMax: lockTimeoutMs, clock, tooLong: () => waitedTooLong(lockTimeoutMs) });
    this.#outer = options.outer;
    this.#assertUsable = options.assertUsable;
    this.#onEnded = options.onEnded ?? (() => undefined);
  }

  /** How long calls wait, for a session inside this one. */
  get lockWait(): LockWait {
    return this.#lockWait;
  }

  // What is called here heeds no signal; who extends it does. Where calls come from another thread, none crosses.

  /** Runs work that changes nothing, or one thing. */
  run<T>(work: () => T, _options?: CallOptions): T | Promise<T> {
    return this.#inTurn(() => retryWhileLocked(work, this.#lockWait));
  }

  /** Runs work whose changes are all made, or none. */
  write<T>(work: () => T, _options?: CallOptions): T | Promise<T> {
    return this.#inTurn(() => retryWhileLocked(() => this.#unit.run(work), this.#lockWait));
  }

  /**
   * Runs work of the caller's in one unit. Everything else waits until it has settled.
   *
   * @param inner - the session that the work uses; it ends with the work
   */
  async transaction<T>(inner: SerialSession, work: () => Promise<T>, _options?: CallOptions): Promise<T> {
    return await this.#inTurn(async () => {
      const begin = (): Promise<T> =>
        this.#unit.runAsync(
          () => inner.#whole(work),
          () => this.#hasEnded(),
        );
      try {
        return await retryWhileLocked(begin, this.#lockWait);
      } finally {
        inner.#end();
      }
    });
  }

  /** Runs the work that this session is for, and waits for the calls that it made. */
  async #whole<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      await this.#drain();
      return result;
    } finally {
      // Before the unit does: what nobody awaited, and comes between the two, would run outside of the unit, and stay.
      this.#end();
    }
  }

  #inTurn<T>(work: () => T | Promise<T>): T | Promise<T> {
    if (this.#state !== 'open') throw transactionEnded();
    this.#assertUsable?.();
    return this.#turns.run(() => {
      this.#assertNotEnded();
      return work();
    });
  }

  /** Refuses new calls, and waits for those that have come: a transaction that nobody awaited must not be cut in two. */
  async #drain(): Promise<void> {
    this.#state = 'ending';
    await this.#turns.run(() => undefined);
  }

  /** More than once is fine. */
  #end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#onEnded();
  }

  #assertNotEnded(): void {
    if (this.#hasEnded()) throw transactionEnded();
  }

  #hasEnded(): boolean {
    return this.#state === 'ended' || (this.#outer !== undefined && this.#outer.#hasEnded());
  }
}

function waitedTooLong(lockTimeoutMs: number): OperationalError {
  return new OperationalError(
    `The database is locked: another transaction of this connection was still open after ${lockTimeoutMs} ms. Inside a transaction, call the transaction itself: the recorder waits for its end.`,
    { details: { reason: LOCKED_REASON, lockTimeoutMs } },
  );
}
