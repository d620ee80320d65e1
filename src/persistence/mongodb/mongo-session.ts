/**
 * Sessions: reads in causal order, and transactions that are begun again while another writer was first.
 *
 * ```text
 * startSession ─▶ after what was seen before ─▶ withTransaction ─▶ work ─▶ commit ─▶ endSession
 *                      ▲                            ▲              │ │       ├─ undone by the server ──▶ again
 *                      │                            └──(transient)─┘ │       └─ no answer ─▶ asked again, then: outcome unknown
 *                      └──────── a short wait ◀──(another writer)────┘
 * ```
 *
 * The driver begins a transaction again too, with waits that grow to half a second: for a primary that is being elected that
 * is right. Where writers take turns, one that waits so long would find the turn taken again and again.
 *
 * @module
 */
import { backoffDelayMs } from '../../util/backoff.js';
import type { BackoffBounds } from '../../util/backoff.js';
import type { Clock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import { OperationalError, ProgrammingError } from '../errors.js';
import { LOCKED_REASON } from '../serial/lock-retry.js';
import { TRANSACTION_OPTIONS } from './mongo-driver.js';
import type { MongoClientLike, MongoSession } from './mongo-driver.js';
import { isTransient, isToBeginAgain, mongoCommitError, mongoError } from './mongo-errors.js';

// A turn is a few round trips.
const TURN_WAITS: BackoffBounds = { delayMsMin: 4, delayMsMax: 64 };

/** How long a transaction is begun again. */
export interface SessionOptions {
  readonly lockTimeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The sessions of one recorder: each sees what those before it have seen and written. */
export class MongoSessions {
  readonly #client: MongoClientLike;
  readonly #options: SessionOptions;
  // Never used for a call: it has the time of what was seen last, and the driver keeps the later of two.
  #seen: MongoSession | undefined;

  constructor(client: MongoClientLike, options: SessionOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Reads what a majority has committed, and nothing that is older than what was seen before. */
  async read<T>(work: (session: MongoSession) => Promise<T>): Promise<T> {
    return await this.#within(async (session) => {
      try {
        return await work(session);
      } catch (error) {
        throw mongoError(error);
      }
    });
  }

  /**
   * Runs work in a transaction, again and again while the server undoes it because of others.
   *
   * @param work - leaves nothing behind but in the session. Where it fails for a reason that passes, it rejects with what the
   *   driver threw; whatever else it rejects with is thrown unchanged
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'locked'` when others were first for too long; with
   *   `details.outcome: 'unknown'` when nobody answered the commit
   */
  async transaction<T>(work: (session: MongoSession) => Promise<T>): Promise<T> {
    return await this.#within((session) => this.#transaction(session, work));
  }

  async #transaction<T>(session: MongoSession, work: (session: MongoSession) => Promise<T>): Promise<T> {
    const { clock, lockTimeoutMs, random } = this.#options;
    const deadlineMs = clock.monotonicMs() + lockTimeoutMs;
    const assertInTime = (cause: unknown): void => {
      if (clock.monotonicMs() >= deadlineMs) throw othersWereFirst(lockTimeoutMs, cause);
    };
    for (let failures = 1; ; failures++) {
      try {
        return await transactionOf(session, work, assertInTime);
      } catch (error) {
        if (!(error instanceof AnotherWriter)) throw error;
        assertInTime(error.cause);
        await pause(clock, backoffDelayMs(failures, random, TURN_WAITS));
      }
    }
  }

  async #within<T>(work: (session: MongoSession) => Promise<T>): Promise<T> {
    const session = this.#start();
    try {
      return await work(session);
    } finally {
      this.#note(session);
      // What it would say was said by the work.
      await session.endSession().catch(() => undefined);
    }
  }

  #start(): MongoSession {
    try {
      this.#seen ??= this.#client.startSession({ causalConsistency: true });
      const session = this.#client.startSession({ causalConsistency: true });
      handOver(this.#seen, session);
      return session;
    } catch (error) {
      throw mongoError(error);
    }
  }

  #note(session: MongoSession): void {
    if (this.#seen !== undefined) handOver(session, this.#seen);
  }
}

/** Told past the driver, which would begin again by itself. */
class AnotherWriter extends Error {}

/**
 * One transaction of the driver's, which it begins again where the server changed, and whose commit it asks for again.
 *
 * @param assertInTime - called before it is begun again, with what became of it
 */
async function transactionOf<T>(
  session: MongoSession,
  work: (session: MongoSession) => Promise<T>,
  assertInTime: (cause: unknown) => void,
): Promise<T> {
  const run: { failure?: unknown; isCommitting: boolean; result?: { readonly value: T } } = { isCommitting: false };
  try {
    await session.withTransaction(async () => {
      if (run.failure !== undefined || run.isCommitting) assertInTime(run.failure);
      run.isCommitting = false;
      try {
        run.result = { value: await work(session) };
      } catch (error) {
        run.failure = isToBeginAgain(error) ? new AnotherWriter('Another writer was first.', { cause: error }) : error;
        throw run.failure;
      }
      // The driver would take it for committed.
      if (!session.inTransaction()) throw endedByWork();
      run.isCommitting = true;
    }, TRANSACTION_OPTIONS);
  } catch (error) {
    if (run.isCommitting) throw mongoCommitError(error);
    // The driver has a limit too, of two minutes.
    throw error === run.failure && !isTransient(error) ? error : mongoError(error);
  }
  return (run.result as { readonly value: T }).value;
}

function handOver(from: MongoSession, to: MongoSession): void {
  if (from.operationTime !== undefined) to.advanceOperationTime(from.operationTime);
  if (from.clusterTime !== undefined) to.advanceClusterTime(from.clusterTime);
}

function othersWereFirst(lockTimeoutMs: number, cause: unknown): OperationalError {
  return new OperationalError(
    `Other writers were first, or MongoDB changed its primary, for longer than ${lockTimeoutMs} ms. Nothing was stored: try again.`,
    { cause, details: { reason: LOCKED_REASON, lockTimeoutMs } },
  );
}

function endedByWork(): ProgrammingError {
  return new ProgrammingError(
    'The work has committed or aborted the transaction itself. Leave that to the recorder: it commits when the work resolves, and takes everything back when it rejects.',
  );
}
