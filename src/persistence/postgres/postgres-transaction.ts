/**
 * Transactions that belong to the caller: one lent connection, on which one thing happens at a time.
 *
 * ```text
 * connect ─▶ BEGIN, with the first statement ─▶ work ─▶ COMMIT ─▶ release
 *              │                                  │        └─ no answer of the server's: outcome unknown ─▶ release(error)
 *              │                                  ├─ connection lost, or doubtful: no statement is sent any more ─▶ release(error), nothing was stored
 *              │                                  └─ error ─▶ ROLLBACK ─▶ release, or release(error) when that fails too
 *              └─ connection lost: nothing has happened yet ─▶ release(error), again on another connection
 *
 * an insert, or an inner transaction:   SAVEPOINT ─▶ … ─▶ RELEASE, or ROLLBACK TO and RELEASE after an error
 * ```
 *
 * @module
 */
import type { EventSourcingError } from '../../domain/errors.js';
import { ProgrammingError } from '../errors.js';
import { TransactionTurns } from '../serial/transaction-turns.js';
import { transactionEnded } from '../serial/unit-of-work.js';
import { lastRows, select, withLast } from './postgres-driver.js';
import type { PostgresClient, PostgresPool, PostgresQueryable, PostgresRow } from './postgres-driver.js';
import { commitError, isNotSent, isRefusal, postgresError, sqlStateOf } from './postgres-errors.js';
import { lastWordOf, releaseAfter } from './postgres-session.js';
import type { AfterCommit, PostgresSession, WriteOptions } from './postgres-session.js';
import { lostError, TransactionConnection } from './transaction-connection.js';
import type { TransactionEnding } from './transaction-connection.js';

const TRANSACTION_FAILED = '25P02';
// The first statement is refused when one before it failed: a bare COMMIT would roll back and call it a success.
const COMMIT_SQL = 'SELECT 1; COMMIT';

const READING = 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY';

/** Options of {@link inTransaction}. */
export interface TransactionOptions {
  /** Milliseconds after which the server ends a transaction that does nothing; 0 is never. */
  readonly idleTimeoutMs: number;
  /** The statements that the transaction begins with. */
  readonly opening: readonly string[];
  /** Whether it only reads, all of one moment. @defaultValue false */
  readonly isReading?: boolean;
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
  const connection = await TransactionConnection.lend(pool, [
    options.isReading === true ? READING : 'BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE',
    `SET LOCAL idle_in_transaction_session_timeout = ${options.idleTimeoutMs}`,
    ...options.opening,
  ]);
  const session = new TransactionSession(connection);
  let result: T;
  try {
    result = await session.run(() => work(session));
  } catch (error) {
    await connection.end((ending) => abandon(ending, connection.lost));
    throw error;
  }
  await connection.end((ending) => commit(ending, connection.afterCommit, connection.lost));
  return result;
}

/** What one level of a transaction runs on: the transaction itself, or one that was opened within it. */
export class TransactionSession implements PostgresSession {
  readonly #connection: TransactionConnection;
  readonly #turns = new TransactionTurns();

  constructor(connection: TransactionConnection) {
    this.#connection = connection;
  }

  /** For the caller's own statements, whose errors are Daybook's. It ends with the session: what is around may go on. */
  get connection(): PostgresQueryable {
    return {
      query: async (...args) => {
        this.#turns.assertNotEnded();
        return await mapped(this.#connection.query(...args));
      },
    };
  }

  /** As `TransactionConnection.open`. */
  open(...args: Parameters<TransactionConnection['open']>): boolean {
    this.#turns.assertNotEnded();
    return this.#connection.open(...args);
  }

  /** As `TransactionConnection.close`. Of the outermost one only: it is not taken back with one within it. */
  async close(...args: Parameters<TransactionConnection['close']>): Promise<void> {
    this.#turns.assertNotEnded();
    await mapped(this.#connection.close(...args));
  }

  assertOpen(): void {
    this.#turns.assertOpen();
  }

  async read(text: string, values: unknown[]): Promise<readonly PostgresRow[]> {
    return await this.#turns.inTurn(() => mapped(this.#connection.alone((client) => select(client, text, values))));
  }

  /** Takes back what it did when it fails; what was done before it stays. */
  async write(statements: string, { last, afterCommit }: WriteOptions = {}): Promise<readonly PostgresRow[]> {
    const savepoint = this.#connection.newSavepoint();
    const text = `SAVEPOINT ${savepoint};\n${withLast(statements, last?.inline())};\nRELEASE SAVEPOINT ${savepoint}`;
    return await this.#turns.inTurn(() =>
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
    return await this.#turns.inTurn(async () => {
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
    return await this.#turns.run(work);
  }
}

async function mapped<T>(statement: Promise<T>): Promise<T> {
  return await statement.catch((error: unknown) => {
    throw postgresError(error);
  });
}

/** Fails quietly when the connection is gone, or the transaction had failed before: then nothing but its end is left. */
async function rollBackTo(client: PostgresQueryable, savepoint: string): Promise<void> {
  await client.query(`ROLLBACK TO SAVEPOINT ${savepoint}; RELEASE SAVEPOINT ${savepoint}`).catch(() => undefined);
}

async function commit(
  { client, isEmpty, beforeCommit, closing }: TransactionEnding,
  afterCommit: Iterable<AfterCommit>,
  lost: EventSourcingError | undefined,
): Promise<void> {
  if (client === undefined || lost !== undefined) {
    const error = lost ?? transactionEnded();
    client?.release(error);
    throw error;
  }
  if (isEmpty) {
    client.release();
    return;
  }
  try {
    await client.query(`${beforeCommit}${COMMIT_SQL}`);
  } catch (cause) {
    if (isRefusal(cause)) {
      await rollBack(client);
      throw closing === undefined || sqlStateOf(cause) === TRANSACTION_FAILED
        ? failedBefore(cause)
        : closing.toError(cause);
    }
    const error = isNotSent(cause) ? lostError(lastWordOf(client) ?? cause) : commitError(cause);
    client.release(error);
    throw error;
  }
  releaseAfter(client, afterCommit);
}

async function abandon({ client, isFresh }: TransactionEnding, lost: EventSourcingError | undefined): Promise<void> {
  if (client === undefined) return;
  if (lost !== undefined) client.release(lost);
  else if (isFresh) client.release();
  else await rollBack(client);
}

async function rollBack(client: PostgresClient): Promise<void> {
  try {
    await client.query('ROLLBACK');
  } catch (error) {
    client.release(postgresError(error));
    return;
  }
  client.release();
}

function failedBefore(cause: unknown): Error {
  if (sqlStateOf(cause) !== TRANSACTION_FAILED) return postgresError(cause);
  return new ProgrammingError(
    'A statement of the transaction had failed, and its error was not passed on. Everything was rolled back.',
    { cause, details: { sqlState: TRANSACTION_FAILED } },
  );
}
