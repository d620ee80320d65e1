/**
 * Transactions that belong to the caller: one lent connection, on which one thing happens at a time.
 *
 * ```text
 * connect ─▶ BEGIN ─▶ work ─▶ COMMIT ─▶ release
 *              │        │        └─ no answer of the server's: outcome unknown ─▶ release(error)
 *              │        ├─ connection lost, or doubtful: no statement is sent any more ─▶ release(error), nothing was stored
 *              │        └─ error ─▶ ROLLBACK ─▶ release, or release(error) when that fails too
 *              └─ connection lost: nothing has happened yet ─▶ release(error), again on another connection
 *
 * an insert, or an inner transaction:   SAVEPOINT ─▶ … ─▶ RELEASE, or ROLLBACK TO and RELEASE after an error
 * ```
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { FifoMutex } from '../../util/fifo-mutex.js';
import type { EventSourcingError } from '../../domain/errors.js';
import { InterfaceError, OperationalError, ProgrammingError } from '../errors.js';
import { lastRows, select, withLast } from './postgres-driver.js';
import type {
  PostgresClient,
  PostgresPool,
  PostgresQueryable,
  PostgresResult,
  PostgresRow,
} from './postgres-driver.js';
import {
  commitError,
  isConnectionDoubtful,
  isNotSent,
  isRefusal,
  postgresError,
  sqlStateOf,
} from './postgres-errors.js';
import { lastWordOf, openClient, releaseAfter } from './postgres-session.js';
import type { AfterCommit, PostgresSession, WriteOptions } from './postgres-session.js';

const TRANSACTION_FAILED = '25P02';
// Their own messages say more: how long, and what to do.
const TIME_LIMIT_STATES: ReadonlySet<string> = new Set(['25P03', '25P04']);
// The first statement is refused when one before it failed: a bare COMMIT would roll back and call it a success.
const COMMIT_SQL = 'SELECT 1; COMMIT';

// The longest that a timer takes: what is waited for is a statement, which has limits of its own.
const STATEMENT_WAIT_MS_MAX = 2 ** 31 - 1;
// Calls of a transaction wait for one another, and for transactions within it. Who waits for this long is most likely
// inside of what it waits for, and would wait for ever.
const CALL_WAIT_MS_MAX = 10_000;

/** Options of {@link inTransaction}. */
export interface TransactionOptions {
  /** Milliseconds after which the server ends a transaction that does nothing; 0 is never. */
  readonly idleTimeoutMs: number;
  /** What the transaction begins with, without a semicolon at the end; empty for nothing. */
  readonly openingSql: string;
}

/**
 * Runs work in one transaction on a lent connection, and never gives a doubtful connection back.
 *
 * @param work - what it throws rolls everything back, and is thrown unchanged
 * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` when the connection breaks during
 *   `COMMIT`; without it when it broke before, or did nothing for too long: nothing was stored then
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a statement failed and the work went on as if it had not
 */
export async function inTransaction<T>(
  pool: PostgresPool,
  options: TransactionOptions,
  work: (session: TransactionSession) => Promise<T>,
): Promise<T> {
  const begin = `BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE;
    SET LOCAL idle_in_transaction_session_timeout = ${options.idleTimeoutMs}${options.openingSql === '' ? '' : `;\n${options.openingSql}`}`;
  const client = await openClient(pool, begin);
  const connection = new TransactionConnection(client);
  const session = new TransactionSession(connection);
  let result: T;
  try {
    result = await session.run(() => work(session));
  } catch (error) {
    await connection.end(() => abandon(client, connection.lost));
    throw error;
  }
  await connection.end(() => commit(client, connection.afterCommit, connection.lost));
  return result;
}

/** The connection of a transaction, as it is lent to the caller: usable until the transaction ends. */
class TransactionConnection implements PostgresQueryable {
  readonly #client: PostgresClient;
  readonly #turns = new FifoMutex({ waitMsMax: STATEMENT_WAIT_MS_MAX, clock: systemClock, tooLong: waitedTooLong });
  readonly #afterCommit = new Set<AfterCommit>();
  #hasEnded = false;
  #savepoints = 0;
  readonly #lastWord: () => unknown;
  /**
   * Why no statement is sent any more. After a proxy has lost its connection to the server, it may go on with another one,
   * on which there is no transaction: what came now would be committed alone.
   */
  lost: EventSourcingError | undefined;

  constructor(client: PostgresClient) {
    this.#client = {
      query: (...args) => this.#watched(() => client.query(...args)),
      // No plans that are kept: one that is of no use any more, because a table changed, would spoil the transaction.
      release: (error) => client.release(error),
    };
    this.#lastWord = () => lastWordOf(client);
  }

  async #watched<T>(statement: () => Promise<T>): Promise<T> {
    if (this.lost !== undefined) throw this.lost;
    try {
      return await statement();
    } catch (error) {
      if (!isConnectionDoubtful(error)) throw error;
      throw (this.lost = lostError(isNotSent(error) ? (this.#lastWord() ?? error) : error));
    }
  }

  // `pg` takes a configuration in the place of the text, which query builders use: everything is passed on.
  async query(...args: [text: string, values?: unknown[]]): Promise<PostgresResult> {
    return await this.alone((client) => client.query(...args));
  }

  /** Runs statements that must not be mixed with others. */
  async alone<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
    if (this.#hasEnded) throw hasEnded();
    return await this.#turns.run(() => work(this.#client));
  }

  /** Refuses whatever comes from now on, waits for what came before, then ends the transaction. */
  async end(work: () => Promise<void>): Promise<void> {
    this.#hasEnded = true;
    await this.#turns.run(work);
  }

  /** What is to be done when it has committed. */
  get afterCommit(): Set<AfterCommit> {
    return this.#afterCommit;
  }

  newSavepoint(): string {
    return `daybook_${++this.#savepoints}`;
  }
}

/**
 * What one level of a transaction runs on: the transaction itself, or one that was opened within it.
 *
 * ```text
 * open ──▶ ending   the work has resolved: what has come waits for its turn, new calls are refused
 *   │        │
 *   └────────┴────▶ ended: every call is refused, also one that waited
 * ```
 */
export class TransactionSession implements PostgresSession {
  readonly #connection: TransactionConnection;
  readonly #turns = new FifoMutex({ waitMsMax: CALL_WAIT_MS_MAX, clock: systemClock, tooLong: waitedTooLong });
  #state: 'open' | 'ending' | 'ended' = 'open';

  constructor(connection: TransactionConnection) {
    this.#connection = connection;
  }

  /** For the caller's own statements, whose errors are Daybook's. It ends with the session: what is around may go on. */
  get connection(): PostgresQueryable {
    return {
      query: async (...args) => {
        if (this.#hasEnded()) throw hasEnded();
        return await mapped(this.#connection.query(...args));
      },
    };
  }

  assertOpen(): void {
    if (this.#state !== 'open') throw hasEnded();
  }

  async read(text: string, values: unknown[]): Promise<readonly PostgresRow[]> {
    return await this.#inTurn(() => mapped(this.#connection.alone((client) => select(client, text, values))));
  }

  /** Takes back what it did when it fails; what was done before it stays. */
  async write(statements: string, { last, afterCommit }: WriteOptions = {}): Promise<readonly PostgresRow[]> {
    const savepoint = this.#connection.newSavepoint();
    const text = `SAVEPOINT ${savepoint};\n${withLast(statements, last?.inline())};\nRELEASE SAVEPOINT ${savepoint}`;
    return await this.#inTurn(() =>
      this.#connection.alone(async (client) => {
        try {
          const rows = lastRows(await client.query(text));
          // If it is rolled back with an inner transaction, it is done for nothing, which is harmless.
          if (afterCommit !== undefined) this.#connection.afterCommit.add(afterCommit);
          return rows;
        } catch (error) {
          await rollBackTo(client, savepoint);
          throw postgresError(error);
        }
      }),
    );
  }

  /** Runs work in a transaction within this one, for which everything else waits. */
  async transaction<T>(work: (session: TransactionSession) => Promise<T>): Promise<T> {
    return await this.#inTurn(async () => {
      const savepoint = this.#connection.newSavepoint();
      await mapped(this.#connection.query(`SAVEPOINT ${savepoint}`));
      const session = new TransactionSession(this.#connection);
      try {
        const result = await session.run(() => work(session));
        await this.#connection.query(`RELEASE SAVEPOINT ${savepoint}`).catch((error: unknown) => {
          throw failedBefore(error);
        });
        return result;
      } catch (error) {
        await this.#connection.alone((client) => rollBackTo(client, savepoint));
        throw error;
      }
    });
  }

  /** Runs the work that this session is for, and waits for the calls that it made. The session ends with it. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#state = 'ending';
      await this.#turns.run(() => undefined);
      return result;
    } finally {
      this.#state = 'ended';
    }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.assertOpen();
    return await this.#turns.run(async () => {
      if (this.#hasEnded()) throw hasEnded();
      return await work();
    });
  }

  // Asked by a method: the compiler does not expect that it changes while a call waits.
  #hasEnded(): boolean {
    return this.#state === 'ended';
  }
}

async function mapped<T>(statement: Promise<T>): Promise<T> {
  return await statement.catch((error: unknown) => {
    throw postgresError(error);
  });
}

function hasEnded(): InterfaceError {
  return new InterfaceError('The transaction has ended. Use it only until its work settles, and await every call.');
}

function waitedTooLong(): OperationalError {
  return new OperationalError(
    'Another call of this transaction, or a transaction within it, did not end. Inside of one, call that one.',
    { details: { callWaitMsMax: CALL_WAIT_MS_MAX } },
  );
}

/** Fails quietly when the connection is gone, or the transaction had failed before: then nothing but its end is left. */
async function rollBackTo(client: PostgresClient, savepoint: string): Promise<void> {
  await client.query(`ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`).catch(() => undefined);
}

async function commit(
  client: PostgresClient,
  afterCommit: Iterable<AfterCommit>,
  lost: EventSourcingError | undefined,
): Promise<void> {
  if (lost !== undefined) {
    client.release(lost);
    throw lost;
  }
  try {
    await client.query(COMMIT_SQL);
  } catch (cause) {
    if (isRefusal(cause)) {
      await abandon(client, undefined);
      throw failedBefore(cause);
    }
    const error = isNotSent(cause) ? lostError(lastWordOf(client) ?? cause) : commitError(cause);
    client.release(error);
    throw error;
  }
  releaseAfter(client, afterCommit);
}

async function abandon(client: PostgresClient, lost: EventSourcingError | undefined): Promise<void> {
  try {
    if (lost !== undefined) throw lost;
    await client.query('ROLLBACK');
  } catch (error) {
    client.release(postgresError(error));
    return;
  }
  client.release();
}

/** The error of a transaction whose connection was lost before the commit was sent. */
function lostError(cause: unknown): EventSourcingError {
  const sqlState = sqlStateOf(cause);
  if (sqlState !== undefined && TIME_LIMIT_STATES.has(sqlState)) return postgresError(cause);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OperationalError(
    `The connection to PostgreSQL was lost in the transaction, before its commit. Nothing was stored: try again. (${reason})`,
    { cause, details: sqlState === undefined ? {} : { sqlState } },
  );
}

function failedBefore(cause: unknown): Error {
  if (sqlStateOf(cause) !== TRANSACTION_FAILED) return postgresError(cause);
  return new ProgrammingError(
    'A statement of the transaction had failed, and its error was not passed on. Everything was rolled back.',
    { cause, details: { sqlState: TRANSACTION_FAILED } },
  );
}
