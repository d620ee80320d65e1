/**
 * Columns beside those that every engine has: `event_id` and `metadata`, in the layout of the Python library's release 10.
 *
 * @module
 */
import { NotSupportedError } from '../persistence/errors.js';
import type { ApplicationRecorder } from '../persistence/recorder.js';
import { sqlOf } from './exported-events.js';

const COLUMNS_SQL = `SELECT quote_ident(attname) AS name FROM pg_catalog.pg_attribute
  WHERE attrelid = to_regclass($1::text) AND attname IN ('event_id', 'metadata') AND NOT attisdropped`;

/** @throws NotSupportedError (`NOT_SUPPORTED`) when an event has something there */
export async function assertNothingBeside(recorder: ApplicationRecorder): Promise<void> {
  const sql = sqlOf(recorder);
  const log = sql?.dialect.log;
  if (sql === undefined || log === undefined) return;
  const names = (await sql.query(COLUMNS_SQL, [log.eventsTable])).rows.map(({ name }) => String(name));
  if (names.length === 0) return;
  const filled = names.map((name) => `${name} IS NOT NULL`).join(' OR ');
  const { rows } = await sql.query(`SELECT EXISTS (SELECT FROM ${log.eventsTable} WHERE ${filled}) AS has_some`);
  if (rows[0]?.['has_some'] !== true) return;
  throw new NotSupportedError(
    `Events in ${log.eventsTable} have something in ${names.join(' and ')}, for which a file of events has no place. Nothing was written. Where that follows from their states, as with eventColumns, give columns: 'leave'; else move the table by pg_dump.`,
    { details: { reason: 'columns', table: log.eventsTable, columns: names.join(', ') } },
  );
}
