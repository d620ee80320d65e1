/**
 * A D1 database by its sessions.
 *
 * ```text
 * read    by the session: from whichever copy is as new as all that the session has seen
 * write   by a batch, at the primary: all of it or nothing; the session has seen it then
 * beginAnew   after a batch was refused: the next read asks the primary, so that it sees by what
 * ```
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import { inPlaceholderOrder, toPlainPlaceholders } from '../sqlite/sqlite-placeholders.js';
import type { SqlRow } from '../sql/sql-queryable.js';
import { validateCount, validateObject, validateStatement } from '../validation.js';
import type { D1Answer, D1Session, D1Source, D1Statement } from './d1-database.js';
import { d1CommitError, d1Error } from './d1-errors.js';
import { assertBatch, assertStatement, D1_STATEMENTS_MAX } from './d1-limits.js';
import type { D1Query, D1Value } from './d1-limits.js';

/** How a database is read. */
export interface D1ConnectionOptions {
  /**
   * From where on the first read may be. `first-primary`: the primary is asked, so that it sees all that was committed.
   * `first-unconstrained`: the nearest copy is, which may be behind. Or a bookmark (`bookmark` of another recorder, perhaps of
   * the request before): a copy that is as new as that. What is read afterwards is never older, and has what was recorded here.
   *
   * @defaultValue `first-primary`
   */
  readonly session?: 'first-primary' | 'first-unconstrained' | (string & {});
  /** Statements that one batch may have: what an invocation of the Worker may run. @defaultValue 1,000; a free Worker has 50 */
  readonly statementsMax?: number;
}

/** A database that is read by one session at a time. */
export class D1Connection {
  readonly #database: D1Source;
  readonly #statementsMax: number;
  #session: D1Session;
  #bookmark: string | undefined;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is no database, or an option is not what it should be */
  constructor(
    database: D1Source,
    { session = 'first-primary', statementsMax = D1_STATEMENTS_MAX }: D1ConnectionOptions,
  ) {
    validateObject('The database', database);
    if (typeof (database as Partial<D1Source>).withSession !== 'function') {
      throw new ProgrammingError('This is no D1 database: hand in the binding itself, env.DB for example.');
    }
    if (typeof session !== 'string' || session === '') {
      throw new ProgrammingError('session must be first-primary, first-unconstrained, or a bookmark.', {
        details: { option: 'session' },
      });
    }
    validateCount('statementsMax', statementsMax);
    this.#database = database;
    this.#statementsMax = statementsMax;
    this.#session = database.withSession(session);
    if (!session.startsWith('first-')) this.#bookmark = session;
  }

  /** Where what was read and written so far is to be found; `undefined` before anything was. */
  get bookmark(): string | undefined {
    this.#bookmark = this.#session.getBookmark() ?? this.#bookmark;
    return this.#bookmark;
  }

  /** The next read asks the primary. */
  beginAnew(): void {
    this.#bookmark = this.bookmark;
    this.#session = this.#database.withSession('first-primary');
  }

  /** @throws OperationalError (`OPERATIONAL_ERROR`) when the database fails */
  async read(query: D1Query): Promise<readonly SqlRow[]> {
    assertStatement(query);
    try {
      return (await this.#prepare(query).all()).results as readonly SqlRow[];
    } catch (cause) {
      throw d1Error(cause);
    }
  }

  /**
   * Runs all of it in one transaction.
   *
   * @throws IntegrityError (`INTEGRITY_ERROR`) and others by what SQLite says of the statement that it refused
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` when nobody knows
   */
  async write(queries: readonly D1Query[]): Promise<readonly D1Answer[]> {
    assertBatch(queries.length, this.#statementsMax);
    queries.forEach(assertStatement);
    if (queries.length === 0) return [];
    try {
      return await this.#session.batch(queries.map((query) => this.#prepare(query)));
    } catch (cause) {
      throw d1CommitError(cause);
    }
  }

  #prepare({ sql, values }: D1Query): D1Statement {
    const statement = this.#session.prepare(sql);
    return values.length === 0 ? statement : statement.bind(...values);
  }
}

/**
 * A statement with parameters `$1`, `$2` … as D1 takes it.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none, or its values are not those of its parameters
 */
export function toQuery(text: string, values: readonly unknown[] = []): D1Query {
  validateStatement(text, values);
  const { sql, order } = toPlainPlaceholders(text);
  return { sql, values: inPlaceholderOrder(order, values) as readonly D1Value[] };
}
