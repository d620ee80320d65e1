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
import { InterfaceError, OperationalError } from '../errors.js';
import { LOCK_TIMEOUT_MS_DEFAULT, LOCKED_REASON, retryWhileLocked } from './lock-retry.js';
import type { LockWait } from './lock-retry.js';

/** Makes several changes one. Units nest: what is begun last is ended first. */
export interface WorkUnit {
  /** @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'locked'` when another connection writes */
  begin(): void;
  commit(): void;
  rollback(): void;
}

/** What a {@link SerialSession} needs. */
export interface SerialSessionOptions {
  readonly unit: WorkUnit;
  /** Milliseconds to wait for one's turn, and again for a lock of another connection. @defaultValue 5,000 */
  readonly lockTimeoutMs?: number;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** The session that this one is inside of. It ends with it. */
  readonly outer?: SerialSession;
  /** Called once, when an inner session has ended. */
  readonly onEnded?: () => void;
}

/** Serialises the use of one connection. */
export class SerialSession {
  readonly #unit: WorkUnit;
  readonly #lockWait: LockWait;
  readonly #turns: FifoMutex;
  readonly #outer: SerialSession | undefined;
  readonly #onEnded: () => void;
  #state: 'open' | 'ending' | 'ended' = 'open';

  constructor(options: SerialSessionOptions) {
    const { lockTimeoutMs = LOCK_TIMEOUT_MS_DEFAULT, clock = systemClock } = options;
    this.#unit = options.unit;
    this.#lockWait = { lockTimeoutMs, clock };
    this.#turns = new FifoMutex({ waitMsMax: lockTimeoutMs, clock, tooLong: () => waitedTooLong(lockTimeoutMs) });
    this.#outer = options.outer;
    this.#onEnded = options.onEnded ?? (() => undefined);
  }

  /** How long calls wait, for a session inside this one. */
  get lockWait(): LockWait {
    return this.#lockWait;
  }

  /** Runs work that changes nothing, or one thing. */
  run<T>(work: () => T): T | Promise<T> {
    return this.#inTurn(() => retryWhileLocked(work, this.#lockWait));
  }

  /** Runs work whose changes are all made, or none. */
  write<T>(work: () => T): T | Promise<T> {
    return this.#inTurn(() => retryWhileLocked(() => inUnit(this.#unit, work), this.#lockWait));
  }

  /**
   * Runs work of the caller's in one unit. Everything else waits until it has settled.
   *
   * @param inner - the session that the work uses; it ends with the work
   */
  async transaction<T>(inner: SerialSession, work: () => Promise<T>): Promise<T> {
    return await this.#inTurn(async () => {
      try {
        await retryWhileLocked(() => this.#unit.begin(), this.#lockWait);
        return await this.#finished(inner, work);
      } finally {
        inner.#end();
      }
    });
  }

  async #finished<T>(inner: SerialSession, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      await inner.#drain();
      this.#assertNotEnded();
      // Before the unit does: what nobody awaited, and comes between the two, would run outside of the unit, and stay.
      inner.#end();
      this.#unit.commit();
      return result;
    } catch (error) {
      inner.#end();
      // Once an outer unit has ended, a roll back would hit whatever came after it.
      if (!this.#hasEnded()) rollBack(this.#unit);
      throw error;
    }
  }

  #inTurn<T>(work: () => T | Promise<T>): T | Promise<T> {
    if (this.#state !== 'open') throw ended();
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
    if (this.#hasEnded()) throw ended();
  }

  #hasEnded(): boolean {
    return this.#state === 'ended' || (this.#outer !== undefined && this.#outer.#hasEnded());
  }
}

/** Runs work in a unit: commits what it did, or rolls it back when it throws. */
export function inUnit<T>(unit: WorkUnit, work: () => T): T {
  unit.begin();
  try {
    const result = work();
    unit.commit();
    return result;
  } catch (error) {
    rollBack(unit);
    throw error;
  }
}

function rollBack(unit: WorkUnit): void {
  try {
    unit.rollback();
  } catch {
    // An engine that fails badly, on a full disk for example, has rolled back by itself. The first error is the one that counts.
  }
}

function ended(): InterfaceError {
  return new InterfaceError('The transaction has ended. Use it only until its work settles, and await every call.');
}

function waitedTooLong(lockTimeoutMs: number): OperationalError {
  return new OperationalError(
    `The database is locked: another transaction of this connection was still open after ${lockTimeoutMs} ms. Inside a transaction, call the transaction itself: the recorder waits for its end.`,
    { details: { reason: LOCKED_REASON, lockTimeoutMs } },
  );
}
