import type { PostgresPool } from './postgres-driver.js';
import type { AfterCommit } from './postgres-session.js';

/**
 * Wakes listening readers with `NOTIFY`, sent on the connection that committed, before the commit is reported: whoever
 * ends right after it has been heard. Nobody waits for its answer but the connection. Not inside of the transaction: there it takes a lock that all databases of the server
 * share, until the disk has the commit, so that applications commit one after the other (eight on one server did 180
 * commits per second, not 2,000). What is lost is the word of a process that is killed between the two.
 *
 * A hint only, so a failure is nobody's failure, except that the connection is not used again; readers look for
 * themselves when they (re)connect.
 *
 * @param channel - quoted
 */
export function announcing({ supportsNotifications }: PostgresPool, channel: string): AfterCommit {
  // Sending commits a transaction. Waiting for the disk would only delay readers, and the next commit.
  const sql = `SET LOCAL synchronous_commit = off; NOTIFY ${channel}`;
  return async (connection) => {
    if (supportsNotifications !== false) await connection.query(sql);
  };
}
