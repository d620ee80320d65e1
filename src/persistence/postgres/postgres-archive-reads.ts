/**
 * What has left a table of events for archives, as it is read in PostgreSQL.
 *
 * @module
 */
import type { ArchivedAggregate, ArchivedLog } from '../archive.js';
import { archivedAggregateSql, archivedLogSql, toArchivedAggregate, toArchivedLog } from '../sql/sql-archive.js';
import type { SqlArchive } from '../sql/sql-dialect.js';
import type { OriginatorId } from '../stored-event.js';
import type { PostgresSession } from './postgres-session.js';

/** Reads what an archive has of an aggregate. */
export async function archivedAggregate(
  session: PostgresSession,
  archive: SqlArchive,
  originatorId: OriginatorId,
): Promise<ArchivedAggregate | undefined> {
  if ((await session.read(archive.isThereSql, [])).length === 0) return undefined;
  const [row] = await session.read(archivedAggregateSql(archive), [originatorId]);
  return toArchivedAggregate(originatorId, row);
}

/** Reads what has left the log. */
export async function archivedLog(session: PostgresSession, archive: SqlArchive): Promise<ArchivedLog | undefined> {
  if ((await session.read(archive.isThereSql, [])).length === 0) return undefined;
  const [row] = await session.read(archivedLogSql(archive), []);
  return toArchivedLog(row);
}
