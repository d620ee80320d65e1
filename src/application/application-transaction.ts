/**
 * What a transaction of an application is run with.
 *
 * @module
 */
import type { CallOptions } from '../persistence/heed-signal.js';
import { NotSupportedError, ProgrammingError } from '../persistence/errors.js';
import type { RecorderTransaction, TransactionalRecorder } from '../persistence/recorder-transaction.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import { sqlOf } from '../persistence/sql/sql-queryable.js';
import type { SqlQueryable, SqlResult } from '../persistence/sql/sql-queryable.js';
import type { RetryPolicy } from './commands/decide-again.js';

/** How a transaction of an application runs. */
export interface TransactionOptions extends CallOptions {
  /**
   * Run all of it again, on newer state, when somebody else was faster. Then the work must have no effect outside.
   *
   * @defaultValue off: a `ConcurrencyError` is thrown
   */
  readonly retry?: RetryPolicy | undefined;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a recorder has no transactions @internal */
export function transactional(recorder: ProcessRecorder): TransactionalRecorder<SqlQueryable | undefined> {
  if (recorder.supports?.transactions === true) return recorder as TransactionalRecorder<SqlQueryable | undefined>;
  throw new ProgrammingError(
    'The recorder of this application has no transactions that others can use (supports.transactions): save what belongs together by one execute, executeAll or saveAll, which is all or nothing.',
  );
}

/** Runs SQL in a transaction. @throws NotSupportedError (`NOT_SUPPORTED`) where there is none @internal */
export async function queryIn(
  { connection }: RecorderTransaction<SqlQueryable | undefined>,
  text: string,
  values: unknown[] | undefined,
): Promise<SqlResult> {
  const sql = sqlOf(connection);
  if (sql === undefined) throw new NotSupportedError('The recorder of this application has no SQL.');
  return await sql.query(text, values);
}
