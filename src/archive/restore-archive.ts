/**
 * Events back from an archive to where they were.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import type { CallOptions } from '../persistence/heed-signal.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import { eventsSql } from '../persistence/sql/sql-events.js';
import { statementParts, valueRows } from '../persistence/sql/sql-parameters.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { Notification } from '../persistence/stored-event.js';
import { uuidToBytes } from '../util/uuid-bytes.js';
import { archiveStore } from './archive-tables.js';
import type { ArchiveStore } from './archive-tables.js';
import { archivesOf, eventsOf } from './archived-history.js';
import type { Archive, ArchivedHistoryOptions } from './archived-history.js';
import { validateFunction } from '../persistence/validation.js';
import { throwIfAborted } from '../persistence/heed-signal.js';

const COLUMNS = 5;
const INSERT_ROWS_MAX = 500;

/** Options of {@link restoreArchive}. */
export interface RestoreArchiveOptions extends CallOptions {
  readonly recorder: ProcessRecorder;
  /** As `archivedHistory().archives()` gives it; of one that is not noted any more, nothing is done. */
  readonly archive: Archive;
  /** Gives its file: `({ uri }) => place.read(uri)`. */
  readonly fetchArchive: ArchivedHistoryOptions['fetchArchive'];
}

/**
 * Puts the events of an archive back where they were, at their positions, in one transaction with the note of where they are. The
 * file stays, and nothing names it any more. Of several archives with events of the same aggregate the last one comes first.
 * Writers wait while the rows are inserted.
 *
 * @returns how many events are back; 0 when they were already
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) with `details.reason` `'later'`, when a later archive has more of one of its
 *   aggregates: restore `details.archiveId` first. Nothing was changed
 * @throws NotSupportedError (`NOT_SUPPORTED`) when events of the recorder do not leave for archives
 * @throws DataError (`DATA_ERROR`) when the file has other events than those that have left; nothing was changed
 * @throws what fetching the file and the database throw, and the reason of the signal
 *
 * @example
 * ```ts
 * for (const archive of (await history.archives()).toReversed()) await restoreArchive({ recorder, archive, fetchArchive });
 * ```
 */
export async function restoreArchive(options: RestoreArchiveOptions): Promise<number> {
  const { recorder, archive, fetchArchive, signal } = options;
  validateFunction('fetchArchive', fetchArchive);
  throwIfAborted(signal);
  const store = archiveStore(recorder);
  if (!(await archivesOf(store)).some(({ id }) => id === archive.id)) return 0;
  const events: Notification[] = [];
  // Those of the last group come when all of it was compared with what was noted.
  for await (const event of eventsOf(archive, fetchArchive)) {
    signal?.throwIfAborted();
    events.push(event);
  }
  return await store.recorder.transaction(async ({ connection }) => {
    const { log } = store.recorder.dialect;
    if (log !== undefined) await connection.query(log.lockSql);
    if (!(await forget(store, connection, archive))) return 0;
    await insertEvents(store, connection, events);
    return events.length;
  });
}

/** @returns false when somebody else has put them back meanwhile */
async function forget({ tables }: ArchiveStore, connection: SqlQueryable, { id }: Archive): Promise<boolean> {
  const { archives, archived } = tables;
  const later = await connection.query(
    `SELECT other.archive_id AS id FROM ${archived} AS own JOIN ${archived} AS other
       ON other.originator_id = own.originator_id AND other.version > own.version
     WHERE own.archive_id = $1 ORDER BY other.version DESC LIMIT 1`,
    [id],
  );
  if (later.rows[0] !== undefined) {
    const archiveId = String(later.rows[0]['id']);
    throw new ProgrammingError(
      `The archive ${archiveId} has later events of the same aggregates: restore it first. Nothing was changed.`,
      { details: { reason: 'later', archiveId } },
    );
  }
  await connection.query(`DELETE FROM ${archived} WHERE archive_id = $1`, [id]);
  const { rows } = await connection.query(`DELETE FROM ${archives} WHERE id = $1 RETURNING 1 AS gone`, [id]);
  return rows.length > 0;
}

async function insertEvents(
  { recorder }: ArchiveStore,
  connection: SqlQueryable,
  events: readonly Notification[],
): Promise<void> {
  const { dialect } = recorder;
  const { table, columns } = eventsSql(dialect);
  const { notificationId, originatorId, originatorVersion, topic, state } = columns;
  const names = [notificationId, originatorId, originatorVersion, topic, state].join(', ');
  for (const part of statementParts(dialect, events, { rowsMax: INSERT_ROWS_MAX, columns: COLUMNS })) {
    await connection.query(
      `INSERT INTO ${table} (${names}) VALUES ${valueRows(part.length, COLUMNS)}`,
      part.flatMap((event) => [
        event.id,
        dialect.log === undefined ? uuidToBytes(event.originatorId) : event.originatorId,
        ...[event.originatorVersion, event.topic, event.state],
      ]),
    );
  }
}
