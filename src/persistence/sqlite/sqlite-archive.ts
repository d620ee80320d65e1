/**
 * What has left a table of events for archives, in SQLite.
 *
 * @module
 */
import { assertNoneArchived, assertNoneArchivedAfter, mayLackEvents, mayLackNotifications } from '../archive.js';
import type { ArchivedAggregate } from '../archive.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import {
  archivedAggregateSql,
  archivedLogSql,
  archiveTablesSql,
  toArchivedAggregate,
  toArchivedLog,
} from '../sql/sql-archive.js';
import type { SqlArchive } from '../sql/sql-dialect.js';
import type { Notification, OriginatorId, StoredEvent } from '../stored-event.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { runQuery } from './sqlite-query.js';
import { quoted } from './sqlite-schema.js';

/** Names the tables beside a table of events, by its name as it is. */
export function sqliteArchive(eventsTable: string): SqlArchive {
  const tables = { archives: quoted(`${eventsTable}_archives`), archived: quoted(`${eventsTable}_archived`) };
  const name = `${eventsTable}_archived`.replaceAll("'", "''");
  return {
    ...tables,
    isThereSql: `SELECT 1 AS is_there FROM sqlite_schema WHERE type = 'table' AND name = '${name}'`,
    createSql: [
      ...archiveTablesSql(tables, 'INTEGER'),
      // As the table's own index refuses what is in it.
      `CREATE TRIGGER IF NOT EXISTS ${quoted(`${eventsTable}_archived_guard`)} BEFORE INSERT ON ${quoted(eventsTable)}
        WHEN EXISTS (SELECT 1 FROM ${tables.archived} AS a
          WHERE a.originator_id = lower(hex(NEW.originator_id)) AND a.version >= NEW.originator_version)
        BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: an archive has this originator_version'); END`,
    ],
    keyOf: (id) => id.replaceAll('-', ''),
  };
}

/** Looks whether what was found is all that was asked for. */
export class SqliteArchived {
  readonly #database: SqliteDatabase;
  readonly #archive: SqlArchive;

  constructor(database: SqliteDatabase, archive: SqlArchive) {
    this.#database = database;
    this.#archive = archive;
  }

  aggregate(originatorId: OriginatorId): ArchivedAggregate | undefined {
    if (!this.#isThere()) return undefined;
    const key = this.#archive.keyOf(originatorId);
    return toArchivedAggregate(
      originatorId,
      runQuery(this.#database, archivedAggregateSql(this.#archive), [key]).rows[0],
    );
  }

  /** @throws HistoryArchivedError (`HISTORY_ARCHIVED`) when it is not */
  assertAllOf(originatorId: OriginatorId, options: SelectEventsOptions, events: readonly StoredEvent[]): void {
    if (mayLackEvents(options, events)) assertNoneArchived(options, this.aggregate(originatorId));
  }

  /** @throws HistoryArchivedError (`HISTORY_ARCHIVED`) when it is not */
  assertAllAfter(options: SelectNotificationsOptions, notifications: readonly Notification[]): void {
    if (!mayLackNotifications(options, notifications) || !this.#isThere()) return;
    assertNoneArchivedAfter(options, toArchivedLog(runQuery(this.#database, archivedLogSql(this.#archive)).rows[0]));
  }

  #isThere(): boolean {
    return runQuery(this.#database, this.#archive.isThereSql).rows.length > 0;
  }
}
