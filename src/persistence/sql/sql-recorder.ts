/**
 * A recorder with SQL beside it, alike on every engine that has SQL.
 *
 * @module
 */
import type { TransactionalRecorder } from '../recorder-transaction.js';
import type { SqlDialect } from './sql-dialect.js';
import type { SqlQueryable } from './sql-queryable.js';

/**
 * A recorder whose transactions lend a connection for SQL, and that reads by SQL outside of them. `supports.sql` says so.
 *
 * The work of a transaction may run more than once, see `RecorderTransaction`; so it has no effect outside of it.
 */
export interface SqlRecorder extends TransactionalRecorder<SqlQueryable>, SqlQueryable {
  readonly dialect: SqlDialect;
  /**
   * Who may create tables where this recorder itself sees and writes one tenant's rows only.
   *
   * @defaultValue the recorder itself
   */
  readonly owner?: SqlRecorder | undefined;
  /**
   * Reads what is committed, by one statement with parameters `$1`, `$2` … Write inside a transaction: a browser's
   * store refuses to write outside of one.
   */
  query(...parameters: Parameters<SqlQueryable['query']>): ReturnType<SqlQueryable['query']>;
  /**
   * Runs a statement that refuses to be in a transaction: once, while `query` repeats what it reads where a connection was lost.
   *
   * @defaultValue that cannot be
   *
   * @internal
   */
  runAlone?(text: string): Promise<void>;
}
