/**
 * Transactions that belong to the caller: one session, on which one thing happens at a time.
 *
 * MongoDB has no savepoints. What is refused is found out before it is written, and what an inner transaction did is taken
 * back by what undoes it, within the same transaction:
 *
 * ```text
 * inner work ─resolves─▶ what undoes it is the outer one's now
 *      │
 *      └─rejects─▶ what undoes it, the last first ─▶ the outer one goes on
 *                    └─ it has written by the session itself, of which nobody knows ─▶ the whole transaction is spoiled
 *
 * any error of the server's ─▶ the server has undone the transaction: spoiled; begun again, where the reason passes
 * ```
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import { TransactionTurns } from '../serial/transaction-turns.js';
import type { MongoClientLike, MongoSession } from './mongo-driver.js';
import { isEventSourcingError } from '../../domain/errors.js';
import { isToBeginAgain, isTransient, mongoError } from './mongo-errors.js';
import type { Undo } from './mongo-log.js';

/**
 * What a transaction lends for the caller's own documents.
 *
 * @typeParam Client - the driver's own client, whose types these are
 */
export interface MongoConnection<Client extends MongoClientLike = MongoClientLike> {
  /** To be given to every call: `collection.insertOne(document, { session })`. Do not commit, abort or end it. */
  readonly session: ReturnType<Client['startSession']>;
  /** The recorder's. */
  readonly database: ReturnType<Client['db']>;
}

/** Why a transaction cannot be committed any more. */
interface Spoiling {
  error?: unknown;
}

/** One level of a transaction: the transaction itself, or one that was opened within it. */
export class MongoTransactionLevel {
  readonly #session: MongoSession;
  readonly #spoiling: Spoiling;
  readonly #turns = new TransactionTurns();
  readonly #undo: Undo[] = [];
  #isLent = false;

  constructor(session: MongoSession, spoiling: Spoiling = {}) {
    this.#session = session;
    this.#spoiling = spoiling;
  }

  /** For the caller's own calls, of which nothing is known from then on. */
  lendSession(): MongoSession {
    this.#turns.assertNotEnded();
    this.#isLent = true;
    return this.#session;
  }

  assertOpen(): void {
    this.#turns.assertOpen();
  }

  /** Runs a piece of work that changes nothing, or says itself how it is undone. */
  async inTurn<T>(work: (session: MongoSession, undoneBy: (undo: Undo) => void) => Promise<T>): Promise<T> {
    return await this.#turns.inTurn(async () => {
      this.#assertSound();
      try {
        return await work(this.#session, (undo) => this.#undo.push(undo));
      } catch (error) {
        throw this.#noted(error);
      }
    });
  }

  /** Runs work in a transaction within this one, for which everything else waits. */
  async within<T>(work: (level: MongoTransactionLevel) => Promise<T>): Promise<T> {
    return await this.#turns.inTurn(async () => {
      this.#assertSound();
      const inner = new MongoTransactionLevel(this.#session, this.#spoiling);
      try {
        const result = await inner.#turns.run(() => work(inner));
        for (const undo of inner.#undo) this.#undo.push(undo);
        this.#isLent ||= inner.#isLent;
        return result;
      } catch (error) {
        await this.#takeBack(inner);
        throw error;
      }
    });
  }

  /**
   * The whole of a transaction.
   *
   * @throws what the driver threw, where the server has undone it for a reason that passes, whatever the work made of it
   */
  async whole<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await this.#turns.run(work);
      this.#assertSound();
      return result;
    } catch (error) {
      const { error: spoiling } = this.#spoiling;
      throw isTransient(spoiling) || isToBeginAgain(spoiling) ? spoiling : error;
    }
  }

  async #takeBack(inner: MongoTransactionLevel): Promise<void> {
    if (this.#spoiling.error !== undefined) return;
    if (inner.#isLent) {
      this.#spoiling.error = withoutSavepoints();
      return;
    }
    try {
      for (const undo of inner.#undo.reverse()) await undo();
    } catch (error) {
      this.#spoiling.error = error;
    }
  }

  /** What Daybook refuses has changed nothing; what the server refuses has ended the transaction. */
  #noted(error: unknown): unknown {
    if (isEventSourcingError(error) && error.cause === undefined) return error;
    this.#spoiling.error ??= error;
    return mongoError(error);
  }

  #assertSound(): void {
    if (this.#spoiling.error !== undefined) throw mongoError(this.#spoiling.error);
  }
}

function withoutSavepoints(): ProgrammingError {
  return new ProgrammingError(
    'A transaction within another one has used the session and was taken back, and MongoDB has no savepoints. Nothing was stored: let the outer work reject too, or write by the session in the outer one only.',
  );
}
