/**
 * The connection of a transaction, as it is lent to the caller: usable until the transaction ends.
 *
 * A message takes as long as most statements, so the beginning goes with the first statement, and what need not be answered
 * goes with the commit.
 *
 * ```text
 * fresh ──first statement, with BEGIN before it──▶ begun ──▶ … ──▶ ended: with COMMIT, or with ROLLBACK
 *   │        ├─ the connection was gone ─▶ BEGIN on another one, and the statement after it
 *   │        └─ it was refused as it was read, and nothing of the message was run ─▶ BEGIN, and the statement again
 *   └──no statement──▶ ended: nothing is sent
 * ```
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { FifoMutex } from '../../util/fifo-mutex.js';
import type { EventSourcingError } from '../../domain/errors.js';
import { OperationalError } from '../errors.js';
import { waitedTooLong } from '../serial/transaction-turns.js';
import { transactionEnded } from '../serial/unit-of-work.js';
import { literalsOf, withLiterals } from './inlined-statement.js';
import { resultsOf } from './postgres-driver.js';
import type { PostgresClient, PostgresPool, PostgresQueryable, PostgresResult } from './postgres-driver.js';
import {
  isConnectionDoubtful,
  isConnectionLost,
  isNotSent,
  isRefusal,
  postgresError,
  sqlStateOf,
} from './postgres-errors.js';
import { lastWordOf, lendClient, openClient } from './postgres-session.js';
import type { AfterCommit } from './postgres-session.js';

// Their own messages say more: how long, and what to do.
const TIME_LIMIT_STATES: ReadonlySet<string> = new Set(['25P03', '25P04']);

// The longest that a timer takes: what is waited for is a statement, which has limits of its own.
const STATEMENT_WAIT_MS_MAX = 2 ** 31 - 1;

/** A statement that goes with the commit. */
export interface ClosingStatement {
  readonly sql: string;
  /** Of its refusal. */
  readonly toError: (cause: unknown) => Error;
}

/** How a transaction stands at its end. */
export interface TransactionEnding {
  /** `undefined`: it was given back, because it was lost. */
  readonly client: PostgresClient | undefined;
  /** Nothing was sent: there is nothing to take back. */
  readonly isFresh: boolean;
  /** Nothing was sent, and nothing is to be: there is nothing to commit. */
  readonly isEmpty: boolean;
  /** Goes before the commit, with a semicolon at its end where it is something. */
  readonly beforeCommit: string;
  readonly closing: ClosingStatement | undefined;
}

/** One connection, on which one thing happens at a time. */
export class TransactionConnection implements PostgresQueryable {
  readonly #pool: PostgresPool;
  #opening: readonly string[];
  readonly #turns = new FifoMutex({ waitMsMax: STATEMENT_WAIT_MS_MAX, clock: systemClock, tooLong: waitedTooLong });
  readonly #afterCommit = new Set<AfterCommit>();
  /** `undefined`: it was given back, and no other one could be lent. */
  #lent: PostgresClient | undefined;
  #hasBegun = false;
  #hasEnded = false;
  #savepoints = 0;
  #closing: ClosingStatement | undefined;
  /**
   * Why no statement is sent any more. After a proxy has lost its connection to the server, it may go on with another one,
   * on which there is no transaction: what came now would be committed alone.
   */
  lost: EventSourcingError | undefined;

  private constructor(pool: PostgresPool, opening: readonly string[], lent: PostgresClient) {
    this.#pool = pool;
    this.#opening = opening;
    this.#lent = lent;
  }

  /** @param opening - the statements that the transaction begins with */
  static async lend(pool: PostgresPool, opening: readonly string[]): Promise<TransactionConnection> {
    return new TransactionConnection(pool, opening, await lendClient(pool));
  }

  // `pg` takes a configuration in the place of the text, which query builders use: everything is passed on.
  async query(...args: [text: string, values?: unknown[]]): Promise<PostgresResult> {
    return await this.alone((client) => client.query(...args));
  }

  /** Runs statements that must not be mixed with others. */
  async alone<T>(work: (client: PostgresQueryable) => Promise<T>): Promise<T> {
    if (this.#hasEnded) throw transactionEnded();
    return await this.#turns.run(async () => {
      await this.#sendClosing();
      return await work(this.#statements);
    });
  }

  /**
   * Has statements sent with the first one, before that.
   *
   * @param afterCommit - what is to be done then, because of them: they are sent with the commit, where nothing else is sent
   * @returns whether none was sent yet
   */
  open(statements: readonly string[], afterCommit?: AfterCommit): boolean {
    if (this.#hasBegun || this.#hasEnded || this.#closing !== undefined) return false;
    this.#opening = [...this.#opening, ...statements];
    if (afterCommit !== undefined) this.#afterCommit.add(afterCommit);
    return true;
  }

  /**
   * Sends a statement with the commit, whose answer nobody waits for: when it is refused, so is the commit. Before another
   * statement, where one comes nevertheless.
   */
  async close(text: string, values: readonly unknown[], toError: ClosingStatement['toError']): Promise<void> {
    const literals = literalsOf(values);
    await this.alone(async (client) => {
      if (literals !== undefined) this.#closing = { sql: withLiterals(text, literals), toError };
      else await client.query(text, [...values]);
    });
  }

  async #sendClosing(): Promise<void> {
    const closing = this.#closing;
    this.#closing = undefined;
    if (closing === undefined) return;
    await this.#statements.query(closing.sql).catch((error: unknown) => {
      throw closing.toError(error);
    });
  }

  /** Refuses whatever comes from now on, waits for what came before, then ends the transaction. */
  async end(work: (ending: TransactionEnding) => Promise<void>): Promise<void> {
    this.#hasEnded = true;
    await this.#turns.run(async () => {
      const closing = this.#closing;
      const isFresh = !this.#hasBegun;
      const isEmpty = isFresh && closing === undefined && this.#afterCommit.size === 0;
      const before = [...(this.#hasBegun ? [] : this.#opening), ...(closing === undefined ? [] : [closing.sql])];
      const beforeCommit = before.map((sql) => `${sql};\n`).join('');
      await work({ client: this.#lent, isFresh, isEmpty, beforeCommit, closing });
    });
  }

  /** What is to be done when it has committed. */
  get afterCommit(): Set<AfterCommit> {
    return this.#afterCommit;
  }

  newSavepoint(): string {
    return `daybook_${++this.#savepoints}`;
  }

  // Asked by a method: the compiler does not expect that it changes while a statement is on its way.
  #lost(): EventSourcingError | undefined {
    return this.lost;
  }

  // No plans that are kept: one that is of no use any more, because a table changed, would spoil the transaction.
  readonly #statements: PostgresQueryable = {
    query: async (...args) => {
      if (this.lost !== undefined) throw this.lost;
      try {
        return this.#hasBegun ? await this.#client.query(...args) : await this.#first(...args);
      } catch (error) {
        const lost = this.#lost();
        if (lost !== undefined || !isConnectionDoubtful(error)) throw lost ?? error;
        throw (this.lost = lostError(isNotSent(error) ? ((this.#lent && lastWordOf(this.#lent)) ?? error) : error));
      }
    },
  };

  get #client(): PostgresClient {
    if (this.#lent === undefined) throw this.lost ?? transactionEnded();
    return this.#lent;
  }

  async #first(...args: [text: string, values?: unknown[]]): Promise<PostgresResult> {
    const [text, values = []] = args;
    const isPlain = typeof text === 'string' && values.length === 0;
    try {
      const result = await this.#client.query([...this.#opening, ...(isPlain ? [text] : [])].join(';\n'));
      this.#hasBegun = true;
      if (isPlain) return resultAfter(result, this.#opening.length);
    } catch (error) {
      if (isConnectionLost(error)) await this.#beginElsewhere(postgresError(error));
      else if (!isRefusal(error) || !isPlain || (await this.#isOpen())) {
        this.#hasBegun = true;
        throw error;
      } else {
        await this.#client.query(this.#opening.join(';\n'));
        this.#hasBegun = true;
      }
    }
    return await this.#client.query(...args);
  }

  /** Nothing has happened yet. */
  async #beginElsewhere(error: EventSourcingError): Promise<void> {
    this.#client.release(error);
    this.#lent = undefined;
    this.#lent = await openClient(this.#pool, this.#opening.join(';\n')).catch((failure: unknown) => {
      throw (this.lost = failure as EventSourcingError);
    });
    this.#hasBegun = true;
  }

  /** Whether there is a transaction after the first message was refused: it has failed then, and takes no statement. */
  async #isOpen(): Promise<boolean> {
    try {
      await this.#client.query('SELECT 1');
      return false;
    } catch (error) {
      if (isRefusal(error)) return true;
      throw error;
    }
  }
}

/** What came of the statements after the first ones of a message, which have no rows. */
function resultAfter(result: PostgresResult, count: number): PostgresResult {
  const results = resultsOf(result).slice(result.omitsRowless === true ? 0 : count);
  const [only = { rows: [] }] = results;
  // As with one message for them alone: several are a list.
  return results.length > 1 ? (results as unknown as PostgresResult) : only;
}

/** The error of a transaction whose connection was lost before the commit was sent. */
export function lostError(cause: unknown): EventSourcingError {
  const sqlState = sqlStateOf(cause);
  if (sqlState !== undefined && TIME_LIMIT_STATES.has(sqlState)) return postgresError(cause);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new OperationalError(
    `The connection to PostgreSQL was lost in the transaction, before its commit. Nothing was stored: try again. (${reason})`,
    { cause, details: sqlState === undefined ? {} : { sqlState } },
  );
}
