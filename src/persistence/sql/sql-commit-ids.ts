/**
 * Commits that are repeated because nobody answered, and are recorded once all the same.
 *
 * A commit whose answer is lost (a worker that died, a connection that broke) may have been recorded. Under an id that the
 * caller chose beforehand, it can be sent again as it was: the id is kept in the transaction of the commit, with what came
 * of it, so that the second attempt finds either both or neither.
 *
 * @module
 */
import { OperationalError, ProgrammingError } from '../errors.js';
import type { RecorderTransaction } from '../recorder-transaction.js';
import type { SqlQueryable } from './sql-queryable.js';
import type { SqlRecorder } from './sql-recorder.js';
import { isStorableText, validateDate, validateFunction } from '../validation.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { createMissing } from './create-missing.js';
import type { Creations } from './sql-names.js';
import { sqlTableName } from './sql-names.js';
import type { SqlTableName } from './sql-names.js';

const TABLE_DEFAULT = 'commit_ids';
const COMMIT_ID_LENGTH_MAX = 200;
// Of one transaction, for which everybody else waits.
const DELETED_DEFAULT = 1_000;

/**
 * What JSON can hold; what work resolves with, so that it can be given again. An `interface` is none to the compiler,
 * because others may add to it; a `type` of the same fields is.
 */
export type CommitResult =
  string | number | boolean | null | undefined | readonly CommitResult[] | { readonly [key: string]: CommitResult };

/** Options of {@link SqlCommitIds}. */
export interface SqlCommitIdsOptions {
  /** What commits, and in whose database the ids are. */
  readonly recorder: SqlRecorder;
  /** @defaultValue `commit_ids` */
  readonly table?: string;
  /** PostgreSQL only; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
  /** Says when a commit was recorded. @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/**
 * The ids of commits, in a table. One implementation for the browser's store, SQLite and PostgreSQL.
 *
 * @example
 * ```ts
 * const commits = new SqlCommitIds({ recorder });
 * await commits.createTables();
 * // Chosen before the first attempt, and kept until one of them was answered.
 * const commitId = crypto.randomUUID();
 * const ids = await commits.once(commitId, (transaction) => transaction.insertEvents(events));
 * ```
 */
export class SqlCommitIds {
  readonly #recorder: SqlRecorder;
  readonly #names: SqlTableName;
  readonly #clock: Pick<Clock, 'nowMs'>;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor(options: SqlCommitIdsOptions) {
    const { recorder, table = TABLE_DEFAULT, schema, clock = systemClock } = options;
    this.#recorder = recorder;
    this.#names = sqlTableName(table, schema, recorder.dialect);
    this.#clock = clock;
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. */
  get tables(): Creations {
    const { name, schema, table, index } = this.#names;
    const createTable = `CREATE TABLE IF NOT EXISTS ${table} (
        commit_id TEXT PRIMARY KEY NOT NULL,
        recorded_at_ms BIGINT NOT NULL,
        result TEXT
      )`;
    return {
      schema,
      isOfLog: true,
      lock: `daybook commit ids ${table}`,
      creations: [{ name, sql: createTable }, index('recorded_at_ms', '(recorded_at_ms)')],
    };
  }

  /**
   * Creates the table and its index, where they are missing. Safe to call again.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the table is that of another log in the database
   */
  async createTables(): Promise<void> {
    await createMissing(this.#recorder, this.tables);
  }

  /**
   * Runs work in a transaction, unless it was done before under this id; then what came of it is given again, whatever the
   * work would do now. Two calls at once are done one after the other. Work that rejects leaves no id: it can be tried
   * again, in another form too. Not to be called inside another transaction: this is one of its own.
   *
   * @param commitId - 1 to 200 characters, unique; a UUID for example
   * @param work - as for `transaction`: it may be run several times, of which the last one counts
   * @returns what the work resolved with, as JSON keeps it
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the id is no such text
   * @throws OperationalError (`OPERATIONAL_ERROR`) as `transaction` does; in the browser with `details.reason`
   *   `'overtaken'` when other tabs were first too often. Nothing was stored then: try again
   */
  async once<Result extends CommitResult>(
    commitId: string,
    work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<Result>,
  ): Promise<Result> {
    validateCommitId(commitId);
    validateFunction('work', work);
    const { table } = this.#names;
    return await this.#recorder.transaction(async (transaction) => {
      const { connection } = transaction;
      // First of all, so that a second call at the same time waits here, and finds what the first has done.
      const { rows } = await connection.query(
        `INSERT INTO ${table} (commit_id, recorded_at_ms) VALUES ($1, $2) ON CONFLICT (commit_id) DO NOTHING RETURNING commit_id`,
        [commitId, this.#clock.nowMs()],
      );
      if (rows.length === 0) return parsed(await this.#resultOf(connection, commitId)) as Result;
      const text = JSON.stringify(await work(transaction)) as string | undefined;
      await connection.query(`UPDATE ${table} SET result = $1 WHERE commit_id = $2`, [text ?? null, commitId]);
      return parsed(text) as Result;
    });
  }

  /** Whether a commit was recorded under this id, as far as ids are kept. */
  async has(commitId: string): Promise<boolean> {
    validateCommitId(commitId);
    const { rows } = await this.#recorder.query(`SELECT 1 AS found FROM ${this.#names.table} WHERE commit_id = $1`, [
      commitId,
    ]);
    return rows.length > 0;
  }

  /**
   * Forgets ids that nobody will repeat any more, the oldest first.
   *
   * @param before - recorded before then
   * @param limit - how many at most, in one transaction. @defaultValue 1,000
   * @returns how many were forgotten; less than the limit when there are no more that nobody else is forgetting
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when `before` is no time, or `limit` no positive integer
   */
  async deleteBefore(before: Date, limit: number = DELETED_DEFAULT): Promise<number> {
    validateDate('before', before);
    if (Number.isNaN(before.getTime()) || !Number.isSafeInteger(limit) || limit < 1) {
      throw new ProgrammingError(
        'Ids are forgotten up to a valid time, and at least one at once. Nothing was deleted.',
      );
    }
    const { table } = this.#names;
    // Whoever deletes at the same time is at work on others.
    const { freeRowLock = '' } = this.#recorder.dialect;
    return await this.#recorder.transaction(async ({ connection }) => {
      const { rows } = await connection.query(
        `DELETE FROM ${table} WHERE commit_id IN (
          SELECT commit_id FROM ${table} WHERE recorded_at_ms < $1 ORDER BY recorded_at_ms LIMIT $2 ${freeRowLock}
        ) RETURNING commit_id`,
        [before.getTime(), limit],
      );
      return rows.length;
    });
  }

  async #resultOf(connection: SqlQueryable, commitId: string): Promise<string | undefined> {
    const { rows } = await connection.query(`SELECT result FROM ${this.#names.table} WHERE commit_id = $1`, [commitId]);
    const row = rows[0];
    if (row === undefined) {
      throw new OperationalError(
        `The commit id ${commitId} was deleted while it was looked up. Nothing was stored: try again.`,
      );
    }
    return (row['result'] as string | null) ?? undefined;
  }
}

function validateCommitId(commitId: unknown): void {
  const isFit = typeof commitId === 'string' && commitId !== '' && commitId.length <= COMMIT_ID_LENGTH_MAX;
  if (isFit && isStorableText(commitId)) return;
  throw new ProgrammingError(
    `A commit id is a text of 1 to ${COMMIT_ID_LENGTH_MAX} characters without zeros or halves of surrogate pairs. Nothing was stored.`,
  );
}

/** The same for the first attempt and for the others: what JSON does to a value is done to each. */
function parsed(text: string | undefined): unknown {
  return text === undefined ? undefined : JSON.parse(text);
}
