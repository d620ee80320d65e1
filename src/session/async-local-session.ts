/**
 * A transaction that goes along with a task: whatever is called within the task joins it, without being handed it.
 *
 * ```text
 * run(work) ─▶ transaction begins ─▶ work, and all that it awaits ─┬─ rejects ───────────────▶ rolled back, rejects
 *                                                                  ├─ outcome is roll back ──▶ rolled back, resolves
 *                                                                  └─ outcome is commit ─────▶ committed, resolves
 * ```
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { CallOptions } from '../persistence/heed-signal.js';
import { InterfaceError } from '../persistence/errors.js';
import type { RecorderTransaction, TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { AmbientRecorder, AmbientSqlRecorder } from './ambient-recorder.js';
import type { Ambience } from './ambient-recorder.js';

/** What becomes of a session's work when it ends without an error. */
export type SessionOutcome = 'commit' | 'rollBack';

/** Options of {@link createSession}. */
export interface SessionOptions {
  /**
   * What happens at the end when nobody said. With `rollBack` only work that somebody asked to
   * {@link Session.commit} is kept. @defaultValue `commit`
   */
  readonly outcome?: SessionOutcome;
}

/**
 * Runs tasks in transactions of their own. One session object serves all tasks of an application at once.
 *
 * @typeParam Connection - the engine's own connection, as in `RecorderTransaction`
 * @typeParam Recorder - what the session's recorder is: one with SQL, when it was made of one
 */
export interface Session<
  Connection,
  Recorder extends TransactionalRecorder<Connection> = TransactionalRecorder<Connection>,
> {
  /**
   * Records and reads in the task's transaction; outside of any task each call is on its own. Give it to event
   * stores and applications in the place of the recorder that the session was made of, and to what keeps tables beside
   * the events, such as a `SqlSnapshotStore`. Who follows the log follows the recorder itself.
   */
  readonly recorder: Recorder;

  /**
   * Runs a task in a transaction, and ends the transaction with it. Within another task it joins that one's
   * transaction: what the inner task did is taken back when it rejects, and otherwise shares the outer one's fate.
   *
   * What the task left running when it ended cannot use the transaction any more: it is rejected with `InterfaceError`.
   *
   * @param options - a signal, as of `TransactionalRecorder.transaction`
   * @returns what the work resolved with
   * @throws what the work rejected with, after the roll back; or an error of the commit
   */
  run<T>(work: (transaction: RecorderTransaction<Connection>) => Promise<T>, options?: CallOptions): Promise<T>;

  /** The task's transaction, for SQL of one's own; undefined outside of any task. */
  current(): RecorderTransaction<Connection> | undefined;

  /**
   * Says that the outermost task is to be committed at its end. The last word counts; an error counts more.
   *
   * @throws InterfaceError (`INTERFACE_ERROR`) outside of any task
   */
  commit(): void;

  /**
   * Says that the outermost task is to be rolled back at its end, though it resolves.
   *
   * @throws InterfaceError (`INTERFACE_ERROR`) outside of any task
   */
  rollBack(): void;
}

/**
 * Makes a session. Needs `AsyncLocalStorage`: Node, or Cloudflare Workers with `nodejs_compat`.
 *
 * @param recorder - lent, not owned
 *
 * @example
 * ```ts
 * const session = createSession(recorder);
 * const events = new EventStore({ mapper, recorder: session.recorder });
 * await session.run(async ({ connection }) => {
 *   await connection.query('UPDATE shelves SET items = items + 1 WHERE id = $1', [shelfId]);
 *   await events.put([moved]);
 * }); // both are committed, or neither is
 * ```
 */
export function createSession<Connection extends SqlQueryable>(
  recorder: SqlRecorder & TransactionalRecorder<Connection>,
  options?: SessionOptions,
): Session<Connection, SqlRecorder & TransactionalRecorder<Connection>>;
export function createSession<Connection>(
  recorder: TransactionalRecorder<Connection>,
  options?: SessionOptions,
): Session<Connection>;
export function createSession<Connection>(
  recorder: TransactionalRecorder<Connection>,
  options: SessionOptions = {},
): Session<Connection> {
  return new AsyncLocalSession(recorder, options.outcome ?? 'commit');
}

function ambientRecorder<Connection>(
  ambience: Ambience<Connection, TransactionalRecorder<Connection>>,
): TransactionalRecorder<Connection> {
  if (ambience.base.supports?.sql !== true) return new AmbientRecorder(ambience);
  // What the recorder says of itself is more than the compiler knows of it.
  const withSql = new AmbientSqlRecorder(ambience as unknown as Ambience<SqlQueryable, SqlRecorder>);
  return withSql as TransactionalRecorder<unknown> as TransactionalRecorder<Connection>;
}

interface Task<Connection> {
  readonly transaction: RecorderTransaction<Connection>;
  /** Shared by the tasks within a task. */
  readonly end: { outcome: SessionOutcome };
}

class AsyncLocalSession<Connection> implements Session<Connection> {
  readonly recorder: TransactionalRecorder<Connection>;
  readonly #base: TransactionalRecorder<Connection>;
  readonly #outcome: SessionOutcome;
  readonly #tasks = new AsyncLocalStorage<Task<Connection>>();

  constructor(base: TransactionalRecorder<Connection>, outcome: SessionOutcome) {
    this.#base = base;
    this.#outcome = outcome;
    this.recorder = ambientRecorder({
      base,
      current: () => this.current(),
      begin: (work, options) => this.#begin('commit', work, options),
    });
  }

  current(): RecorderTransaction<Connection> | undefined {
    return this.#tasks.getStore()?.transaction;
  }

  async run<T>(work: (transaction: RecorderTransaction<Connection>) => Promise<T>, options?: CallOptions): Promise<T> {
    return await this.#begin(this.#outcome, work, options);
  }

  commit(): void {
    this.#task().end.outcome = 'commit';
  }

  rollBack(): void {
    this.#task().end.outcome = 'rollBack';
  }

  async #begin<T>(
    outcome: SessionOutcome,
    work: (transaction: RecorderTransaction<Connection>) => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    const outer = this.#tasks.getStore();
    if (outer !== undefined)
      return await outer.transaction.transaction((inner) => this.#within(inner, outer.end, work), options);
    return await this.#outermost({ outcome }, work, options);
  }

  /** A transaction is rolled back by what its work throws; here the work's result must get out all the same. */
  async #outermost<T>(
    end: Task<Connection>['end'],
    work: (transaction: RecorderTransaction<Connection>) => Promise<T>,
    options?: CallOptions,
  ): Promise<T> {
    const rolledBack = new Error('This session was to be rolled back.');
    let result: { readonly value: T } | undefined;
    try {
      return await this.#base.transaction(async (transaction) => {
        const value = await this.#within(transaction, end, work);
        if (end.outcome === 'commit') return value;
        result = { value };
        throw rolledBack;
      }, options);
    } catch (error) {
      if (error === rolledBack && result !== undefined) return result.value;
      throw error;
    }
  }

  async #within<T>(
    transaction: RecorderTransaction<Connection>,
    end: Task<Connection>['end'],
    work: (transaction: RecorderTransaction<Connection>) => Promise<T>,
  ): Promise<T> {
    return await this.#tasks.run({ transaction, end }, () => work(transaction));
  }

  #task(): Task<Connection> {
    const task = this.#tasks.getStore();
    if (task === undefined) throw new InterfaceError('There is no task here to commit or roll back: see Session.run.');
    return task;
  }
}
