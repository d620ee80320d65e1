/**
 * Transactions of the caller's own, with SQL: *try, journal, apply*.
 *
 * ```text
 * transaction ─▶ catch up ─▶ BEGIN ─▶ the caller's work ─▶ note what it did ─▶ ROLLBACK ─▶ journal.append ─▶ apply ─▶ resolve
 *                   ▲                                                                          │
 *                   └───────────────────────── position taken: another tab was first ◀─────────┘
 * ```
 *
 * Invariants:
 * 1. While the work is under way, nobody else reads or writes the replica: whoever comes waits, readers up to a limit.
 * 2. What the work did reaches the tables in the same way as in every other tab, now or later: from the record.
 * 3. Work that met an older state than the journal's is run again on the newer one. What is journalled is what it did on
 *    exactly the state that the record follows.
 *
 * @module
 */
import type { CallOptions } from '../heed-signal.js';
import type { Clock } from '../../util/clock.js';
import { inTime } from '../../util/in-time.js';
import { InternalError, NotSupportedError, OperationalError } from '../errors.js';
import { LOCK_TIMEOUT_MS_DEFAULT, LOCKED_REASON } from '../serial/lock-retry.js';
import type { OwnTables, TransactionWork } from './own-tables.js';
import type { JournalFollower } from './journal-follower.js';
import type { Durability } from './journal.js';

// Each round lost is a commit of another tab that got through. So many in a row mean that others write without pause, and
// that to go on would keep this tab's other commits waiting.
const ROUNDS_MAX = 20;
// After as many, the others are asked to give way: for twice as long as the work took, and some more.
const ROUNDS_PATIENT = 3;
const WAY_MORE_MS = 20;
const WAY_DOUBLINGS_MAX = 5;

/** Options of `DurableRecorder.transaction`. Their signal is heeded by who hands the recorder out, on either side of a worker. */
export interface DurableTransactionOptions extends CallOptions {
  /** As in `DurableInsertOptions`. */
  readonly durability?: Durability;
}

/** What {@link OwnTransactions} needs. */
export interface OwnTransactionsOptions {
  readonly follower: JournalFollower;
  /** Without them there are no transactions. */
  readonly ownTables: OwnTables | undefined;
  readonly clock: Clock;
  /** Asks other tabs to record nothing for a while. */
  readonly askForWay: ((durationMs: number) => void) | undefined;
  /** Milliseconds that a reader waits for an open transaction. @defaultValue 5,000 */
  readonly lockTimeoutMs?: number;
}

/** Runs transactions one at a time, and says when none is open. */
export class OwnTransactions {
  readonly #follower: JournalFollower;
  readonly #ownTables: OwnTables | undefined;
  readonly #clock: Clock;
  readonly #askForWay: ((durationMs: number) => void) | undefined;
  readonly #lockTimeoutMs: number;
  /** Resolves when the open transaction has ended. */
  #open: Promise<undefined> | undefined;

  constructor(options: OwnTransactionsOptions) {
    this.#follower = options.follower;
    this.#ownTables = options.ownTables;
    this.#clock = options.clock;
    this.#askForWay = options.askForWay;
    this.#lockTimeoutMs = options.lockTimeoutMs ?? LOCK_TIMEOUT_MS_DEFAULT;
  }

  /** Whether work is under way, so that the replica holds what may never be. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** @throws NotSupportedError (`NOT_SUPPORTED`) when the replica has no SQL */
  get tables(): OwnTables {
    if (this.#ownTables === undefined) {
      throw new NotSupportedError('The replica of this store has no SQL, and so no transactions of your own.');
    }
    return this.#ownTables;
  }

  /** As in `DurableRecorder`. */
  async run<T>(work: TransactionWork<T>, options: DurableTransactionOptions): Promise<T> {
    const { tables } = this;
    return await this.#follower.exclusive(() => this.#runRounds(tables, work, options));
  }

  /**
   * Waits until the open transaction has ended. Another one may be open then.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`), `details.reason: 'locked'`, when it takes too long
   */
  async whenClosed(): Promise<void> {
    const open = this.#open;
    if (open === undefined) return;
    await inTime(this.#clock, this.#lockTimeoutMs, open, () => {
      throw waitedTooLong(this.#lockTimeoutMs);
    });
  }

  async #runRounds<T>(tables: OwnTables, work: TransactionWork<T>, options: DurableTransactionOptions): Promise<T> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      this.#follower.assertUsable();
      const startMs = this.#clock.monotonicMs();
      // Not by the hint alone: what the work reads and decides by is not checked again before the record is written.
      await this.#follower.catchUp();
      const { result, commits } = await this.#attempt(tables, work);
      if (commits.length === 0) return result;
      this.#follower.assertRoom(commits);
      if ((await this.#follower.append(commits, [options.durability])) === 'appended') return result;
      if (round < ROUNDS_PATIENT) continue;
      // Twice as much each time: the word itself takes a while on a machine that is busy.
      const moreMs = WAY_MORE_MS * 2 ** Math.min(round - ROUNDS_PATIENT, WAY_DOUBLINGS_MAX);
      this.#askForWay?.(2 * (this.#clock.monotonicMs() - startMs) + moreMs);
    }
    throw overtaken();
  }

  async #attempt<T>(tables: OwnTables, work: TransactionWork<T>): ReturnType<typeof tables.attempt<T>> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    // What waits must be in the tables before the work reads them, and must not be applied while it is under way.
    this.#follower.replica.flush?.();
    this.#open = promise;
    try {
      return await tables.attempt(work, { signal: this.#follower.closing });
    } catch (error) {
      if (!tables.isSound) throw this.#follower.fail(notTakenBack(error));
      throw error;
    } finally {
      this.#open = undefined;
      resolve(undefined);
    }
  }
}

function waitedTooLong(lockTimeoutMs: number): OperationalError {
  return new OperationalError(
    `The store is locked: another transaction of this tab was still open after ${lockTimeoutMs} ms. Inside a transaction, call the transaction itself: the recorder waits for its end.`,
    { details: { reason: LOCKED_REASON, lockTimeoutMs } },
  );
}

function overtaken(): OperationalError {
  return new OperationalError(`Other tabs were first ${ROUNDS_MAX} times in a row. Nothing was stored: try again.`, {
    details: { reason: 'overtaken', rounds: ROUNDS_MAX },
  });
}

function notTakenBack(cause: unknown): InternalError {
  return new InternalError(
    'A transaction could not be taken back here. Nothing of it was stored: open the store again.',
    { cause },
  );
}
