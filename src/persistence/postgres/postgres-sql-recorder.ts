/**
 * SQL beside a recorder on PostgreSQL, in the form that is the same on every engine.
 *
 * @module
 */
import { AdaptedSqlRecorder } from '../sql/adapted-sql-recorder.js';
import type { Notification } from '../stored-event.js';
import type { SqlQueryable } from '../sql/sql-queryable.js';
import type { SqlRecorder } from '../sql/sql-recorder.js';
import type { PostgresPool, PostgresQueryable } from './postgres-driver.js';
import { postgresError } from './postgres-errors.js';
import type { PostgresProcessRecorder } from './postgres-recorder.js';
import { PoolSession } from './postgres-session.js';
import type { SubscribeOptions } from './postgres-subscription.js';

/** A {@link SqlRecorder} that can be followed. */
export interface PostgresSqlRecorder extends SqlRecorder {
  readonly dialect: 'postgres';
  /** As in `PostgresProcessRecorder`. */
  subscribe(options?: SubscribeOptions): AsyncGenerator<Notification, void, undefined>;
}

/**
 * Makes a `SqlRecorder` of a recorder on PostgreSQL: what is written once for all SQL engines then runs on it. Errors of
 * the caller's SQL are Daybook's; the server's own is their `cause`.
 *
 * @param recorder - its transactions are used
 * @param pool - of the recorder; for reading outside of transactions
 *
 * @example
 * ```ts
 * const pool = await createPgPool({ connectionString: process.env.DATABASE_URL });
 * const recorder = postgresSqlRecorder(new PostgresProcessRecorder({ pool, applicationName: 'orders' }), pool);
 * ```
 */
export function postgresSqlRecorder(recorder: PostgresProcessRecorder, pool: PostgresPool): PostgresSqlRecorder {
  const session = new PoolSession(pool);
  return new FollowedSqlRecorder(recorder, {
    query: async (text, values = []) => ({ rows: await session.read(text, values) }),
  });
}

class FollowedSqlRecorder extends AdaptedSqlRecorder<PostgresQueryable> implements PostgresSqlRecorder {
  declare readonly dialect: 'postgres';
  readonly #recorder: PostgresProcessRecorder;

  constructor(recorder: PostgresProcessRecorder, queryable: SqlQueryable) {
    super({ recorder, dialect: 'postgres', queryable, toQueryable: withMappedErrors });
    this.#recorder = recorder;
  }

  subscribe(options?: SubscribeOptions): AsyncGenerator<Notification, void, undefined> {
    return this.#recorder.subscribe(options);
  }
}

function withMappedErrors(connection: PostgresQueryable): SqlQueryable {
  return {
    async query(text, values = []) {
      try {
        return await connection.query(text, values);
      } catch (error) {
        throw postgresError(error);
      }
    },
  };
}
