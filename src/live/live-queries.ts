/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Queries that are asked again when what they read was written, and not otherwise.
 *
 * ```text
 * commit, of any tab ─▶ what it has written ─▶ queries that have read some of it ─▶ together, in one crossing ─▶ what differs
 * ```
 *
 * @module
 */
import type { SubjectKeys } from '../application/personal/subject-keys.js';
import { ProgrammingError } from '../persistence/errors.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { ChangeSource, StoreChanges } from '../persistence/store-changes.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { onAbort } from '../util/on-abort.js';
import { RunningQuery } from './live-query.js';
import type { LiveQuery } from './live-query.js';
import { RunReads } from './live-reads.js';
import type { LiveReads } from './live-reads.js';
import { readTogether } from '../client/reads-together.js';
import type { RemoteRecorder } from '../client/reads-together.js';
import { keyBy } from './shared-structure.js';
import { tablesRead } from './tables-read.js';
import { validateSignal } from '../persistence/heed-signal.js';

// More texts than an application uses by turns.
const KNOWN_TEXTS_MAX = 500;

/** A recorder that live queries can be over: `daybook.recorder`, and those on memory, SQLite and PostgreSQL. */
export type LiveRecorder = Partial<SqlQueryable> & Partial<ChangeSource> & { readonly dialect?: SqlDialect };

/** What {@link LiveQueries} needs. */
export interface LiveQueriesOptions {
  /** Of the store; lent. */
  readonly recorder: LiveRecorder;
  /** Queries of aggregates and events run again when somebody was forgotten. @defaultValue there are none */
  readonly keys?: Pick<SubjectKeys, 'onForgotten'>;
  /** When one that failed is tried again. @defaultValue the platform's */
  readonly clock?: Clock;
  /** From 0 to 1: when it is tried again. @defaultValue the platform's */
  readonly random?: () => number;
}

/** Options of {@link LiveQueries.query}. */
export interface LiveQueryOptions {
  /** The field by which rows of the result are known again. @defaultValue `id`, where rows have one, and else their place */
  readonly key?: string;
  /** Ends the query when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * The live queries of a store.
 *
 * @example
 * ```ts
 * await using live = new LiveQueries({ recorder: daybook.recorder });
 * const few = live.query((read) => read.find(states, stock, { where: { quantity: { lt: 5 } } }));
 * const stop = few.subscribe(({ data = [] }) => render(data));
 * ```
 */
export class LiveQueries implements AsyncDisposable {
  readonly #options: LiveQueriesOptions;
  readonly #sql: SqlQueryable | undefined;
  readonly #source: ChangeSource;
  readonly #watched = new Set<RunningQuery<unknown>>();
  readonly #tables = new Map<string, Promise<readonly string[] | undefined>>();
  readonly #stops: (() => void)[] = [];
  #ended: { readonly error: Error | undefined } | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the recorder does not tell what is written */
  constructor(options: LiveQueriesOptions) {
    const { recorder, keys } = options;
    this.#options = options;
    this.#sql = recorder.query === undefined ? undefined : (recorder as SqlQueryable);
    this.#source = sourceOf(recorder);
    this.#stops.push(
      this.#source.onChanged(
        (changes) => this.#note(changes),
        (error) => this.#end(error),
      ),
    );
    if (keys !== undefined) this.#stops.push(keys.onForgotten(() => this.#runThose(({ hasEvents }) => hasEvents)));
  }

  /**
   * Makes a query. It runs when somebody watches it, and again when something was written that it has read, by whatever tab, by
   * synchronisation, or by another process as far as the engine tells of that.
   *
   * @param run - reads by what it is given, and has no effect. What it gives is compared with what it gave before: plain objects,
   *   lists, maps, dates, bytes and what has `equals`. Parts that are equal are the same objects as before
   *
   * @example
   * ```ts
   * const open = live.query(
   *   async (read) => (await read.query('SELECT sku, quantity FROM stock WHERE quantity < $1 ORDER BY sku', [5])).rows,
   *   { key: 'sku' },
   * );
   * ```
   */
  query<T>(run: (read: LiveReads) => Promise<T>, { key, signal }: LiveQueryOptions = {}): LiveQuery<T> {
    if (typeof run !== 'function') throw new ProgrammingError('A live query is a function that reads.');
    validateSignal(signal);
    const { clock = systemClock, random = Math.random } = this.#options;
    const query: RunningQuery<T> = new RunningQuery<T>({
      ...{ run, clock, random, keyOf: keyBy(key) },
      newReads: () => new RunReads(this.#sql, (text, values) => this.#tablesReadBy(text, values)),
      onWatched: (isWatched) => {
        if (isWatched) this.#watched.add(query);
        else this.#watched.delete(query);
      },
    });
    if (this.#ended !== undefined) query.end(this.#ended.error);
    else if (signal !== undefined) {
      if (signal.aborted) query.end();
      else onAbort(signal, () => query.end());
    }
    return query;
  }

  /** Runs all that are watched again: of what was written where nobody tells of it. */
  refresh(): void {
    this.#tables.clear();
    this.#runThose(() => true);
  }

  /** Ends all queries. */
  close(): Promise<void> {
    this.#end(undefined);
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #note(changes: StoreChanges): void {
    // The schema may be another one.
    if (changes.tables === undefined) this.#tables.clear();
    for (const query of [...this.#watched]) query.note(changes);
  }

  #runThose(isOne: (query: RunningQuery<unknown>) => boolean): void {
    for (const query of [...this.#watched]) if (isOne(query)) query.runSoon();
  }

  #end(error: Error | undefined): void {
    if (this.#ended !== undefined) return;
    this.#ended = { error };
    for (const stop of this.#stops) stop();
    for (const query of [...this.#watched]) query.end(error);
    this.#watched.clear();
  }

  #tablesReadBy(text: string, values: unknown[]): Promise<readonly string[] | undefined> {
    const sql = this.#sql;
    if (sql === undefined) return Promise.resolve(undefined);
    const known = this.#tables.get(text);
    if (known !== undefined) return known;
    if (this.#tables.size >= KNOWN_TEXTS_MAX) this.#tables.clear();
    const asked = tablesRead(sql, this.#options.recorder.dialect ?? { name: 'sqlite' }, text, values).catch(() => {
      // Then the statement fails as well, or nobody knows.
      this.#tables.delete(text);
      return undefined;
    });
    this.#tables.set(text, asked);
    return asked;
  }
}

function sourceOf(recorder: LiveRecorder): ChangeSource {
  const { onChanged, link } = recorder as Partial<ChangeSource & RemoteRecorder>;
  if (link !== undefined) readTogether(link);
  if (typeof onChanged === 'function') return recorder as ChangeSource;
  throw new ProgrammingError('This recorder does not tell what is written, so nothing over it can be live.');
}
