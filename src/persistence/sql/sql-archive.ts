/**
 * The tables that say what has left for archives (`archive.ts`), as they are read.
 *
 * @module
 */
import type { ArchivedAggregate, ArchivedLog } from '../archive.js';
import type { OriginatorId } from '../stored-event.js';
import type { SqlArchive } from './sql-dialect.js';
import type { SqlQueryable } from './sql-queryable.js';

type Row = Readonly<Record<string, unknown>>;
type ArchiveTables = Pick<SqlArchive, 'archives' | 'archived'>;

/** Columns of the tables. @param integer - the type of large integers */
export function archiveTablesSql({ archives, archived }: ArchiveTables, integer: string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${archives} (id TEXT NOT NULL PRIMARY KEY, uri TEXT NOT NULL, first_id ${integer} NOT NULL,
      last_id ${integer} NOT NULL, events ${integer} NOT NULL, hash TEXT NOT NULL, first_event TEXT NOT NULL,
      archived_at_ms ${integer} NOT NULL)`,
    `CREATE TABLE IF NOT EXISTS ${archived} (originator_id TEXT NOT NULL, version ${integer} NOT NULL, digest TEXT NOT NULL,
      archive_id TEXT NOT NULL, PRIMARY KEY (originator_id, version))`,
  ];
}

/** A query for what an archive has of the aggregate `$1`. */
export function archivedAggregateSql({ archives, archived }: ArchiveTables): string {
  return `SELECT a.version AS version, a.digest AS digest, a.archive_id AS archive_id, r.uri AS uri FROM ${archived} AS a
    JOIN ${archives} AS r ON r.id = a.archive_id WHERE a.originator_id = $1 ORDER BY a.version DESC LIMIT 1`;
}

/** A query for what has left the log. */
export function archivedLogSql({ archives }: Pick<SqlArchive, 'archives'>): string {
  return `SELECT last_id, uri, first_event FROM ${archives} ORDER BY last_id DESC LIMIT 1`;
}

export function toArchivedAggregate(originatorId: OriginatorId, row: Row | undefined): ArchivedAggregate | undefined {
  if (row === undefined) return undefined;
  const { version, digest, archive_id, uri } = row;
  return {
    ...{ originatorId, version: Number(version), digest: String(digest) },
    ...{ archiveId: String(archive_id), uri: String(uri) },
  };
}

export function toArchivedLog(row: Row | undefined): ArchivedLog | undefined {
  if (row === undefined) return undefined;
  const { last_id, uri, first_event } = row;
  return { lastId: Number(last_id), uri: String(uri), firstEvent: String(first_event) };
}

/** Reads what has left the log. */
export async function archivedLogOf(sql: SqlQueryable, archive: SqlArchive): Promise<ArchivedLog | undefined> {
  if ((await sql.query(archive.isThereSql)).rows.length === 0) return undefined;
  return toArchivedLog((await sql.query(archivedLogSql(archive))).rows[0]);
}
