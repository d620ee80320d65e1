/**
 * The tables that say what is in archives, as they are written.
 *
 * @module
 */
import { NotSupportedError } from '../persistence/errors.js';
import { isArchivable } from '../persistence/archive.js';
import type { ArchivableRecorder } from '../persistence/archive.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { SqlArchive } from '../persistence/sql/sql-dialect.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { unitLogBeside } from '../persistence/sql/unit-log-beside.js';

/** A recorder whose events can be archived, and its tables. */
export interface ArchiveStore {
  readonly recorder: SqlRecorder & ArchivableRecorder;
  readonly tables: SqlArchive;
}

/** @throws NotSupportedError (`NOT_SUPPORTED`) when events of this recorder do not leave for archives */
export function archiveStore(recorder: ProcessRecorder): ArchiveStore {
  const sql = recorder as unknown as SqlRecorder;
  if (recorder.supports?.sql === true && recorder.supports.units !== true && isArchivable(sql)) {
    const { archive, log } = sql.dialect;
    if (archive !== undefined) return { recorder: sql, tables: archive };
    if (log?.tenants !== undefined) throw sharedByTenants();
  }
  throw new NotSupportedError(
    'Events leave for archives from a PostgresProcessRecorder that no tenants share, and from a SqliteProcessRecorder. A store in a browser lets history go by app.truncateHistory.',
    { details: { reason: 'engine' } },
  );
}

function sharedByTenants(): NotSupportedError {
  return new NotSupportedError(
    'Tenants share the table of these events, and none may delete a row there: nothing of it leaves. Nothing was archived. Move the tenant to tables of its own by exportEvents and importEvents, and archive there.',
    { details: { reason: 'tenants' } },
  );
}

/** @throws NotSupportedError (`NOT_SUPPORTED`) when a synchronisation server's log stands on the events */
export async function assertNoUnitLog(recorder: SqlRecorder): Promise<void> {
  const log = await unitLogBeside(recorder);
  if (log === undefined) return;
  const dropSql = log.tables.map((table) => `DROP TABLE ${table};`).join(' ');
  throw new NotSupportedError(
    `A log of units stands on these events: it chains all of them, and gives them to devices that begin anew. None of them leaves. Nothing was archived. Let history leave the devices instead (app.truncateHistory), and give new ones snapshots. Where no device will ever synchronise with this log again, drop its tables, and archive then: ${dropSql}`,
    { details: { reason: 'log', log: log.name } },
  );
}

/** Creates the tables, once. */
export async function createArchiveTables({ recorder, tables }: ArchiveStore): Promise<void> {
  if ((await recorder.query(tables.isThereSql)).rows.length > 0) return;
  await recorder.transaction(async ({ connection }) => {
    // By two at once: the second finds them.
    const { log } = recorder.dialect;
    if (log !== undefined) await connection.query(log.lockSql);
    if ((await connection.query(tables.isThereSql)).rows.length > 0) return;
    for (const sql of tables.createSql) await connection.query(sql);
  });
}
