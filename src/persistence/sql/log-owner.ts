/**
 * Which log the tables beside the events belong to, where one database may have several.
 *
 * What is kept there counts by notification ids, which each log begins at 1: of another log they would be positions of
 * events that were never seen, or ids that are taken. So whoever sets a table up first owns it, and others are refused.
 *
 * ```text
 * daybook_logs   kept: a table, or a projection → log: schema and name of the table of the events
 * ```
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import { DatabaseError, ProgrammingError } from '../errors.js';
import { takeTurn } from './sql-dialect.js';
import type { SqlQueryable } from './sql-queryable.js';
import type { SqlRecorder } from './sql-recorder.js';
import { sqlTableName } from './sql-names.js';
import type { Creations } from './sql-names.js';

/** Where that is written down. */
export const OWNERS_TABLE = 'daybook_logs';

/** What the table of owners is made of, where a database may have several logs; for a `Migrator` and for who prints it. */
export function ownersCreations(schema: string | undefined): Creations {
  const { table } = sqlTableName(OWNERS_TABLE, schema, { supportsSchemas: true });
  return { schema, lock: `daybook logs ${table}`, creations: [{ name: OWNERS_TABLE, sql: createOwnersSql(table) }] };
}

function createOwnersSql(table: string): string {
  return `CREATE TABLE IF NOT EXISTS ${table} (kept TEXT PRIMARY KEY NOT NULL, log TEXT NOT NULL)`;
}

/** What belongs to one log. */
export interface Kept {
  /** Names it among all that is kept beside events in a schema: `event_outbox`, `projection stock-levels`. */
  readonly kept: string;
  /** PostgreSQL only. @defaultValue the first of the search path */
  readonly schema?: string | undefined;
}

/**
 * Says that something belongs to a recorder's log. Does nothing where there is one log in a database, and where whoever
 * asks may not write down the owner: it could not be told for others either.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it belongs to another log: `details.log` is this one,
 *   `details.owner` that one
 */
export async function claimForLog(recorder: SqlRecorder, { kept, schema }: Kept): Promise<void> {
  const { table } = sqlTableName(OWNERS_TABLE, schema, { supportsSchemas: true });
  const name = await logName(recorder);
  // No events yet: whoever is set up before them is asked again with the next start.
  if (name === undefined) return;
  const owner = await ownerOf(recorder, { table, kept, name });
  if (owner === undefined || owner === name) return;
  throw new ProgrammingError(
    `${kept} belongs to the events in ${owner}, and not to those in ${name}: the positions that it keeps are theirs. Nothing was set up. Give each log one of its own, by name, by schema, or by the search path of the recorder's pool. Where it was the table of the events that moved, correct the owner in ${OWNERS_TABLE}.`,
    { details: { kept, log: name, owner } },
  );
}

/** Which log a recorder has, by schema and name of its table; `undefined` where a database has one, or it is not there yet. */
export async function logName(recorder: SqlRecorder): Promise<string | undefined> {
  const { log } = recorder.dialect;
  if (log === undefined) return undefined;
  const name = (await recorder.query(log.nameSql, [log.eventsTable])).rows[0]?.['name'];
  return typeof name === 'string' ? name : undefined;
}

/**
 * Says that something belongs to a log of any name, unless it belongs to one already.
 *
 * @returns whose it is; `undefined` where whoever asks may not write that down
 */
export async function ownerOf(
  recorder: SqlRecorder,
  { table, kept, name }: { readonly table: string; readonly kept: string; readonly name: string },
): Promise<string | undefined> {
  return (await recordedOwner(recorder, table, kept)) ?? (await claim(recorder, { table, kept, name }));
}

/** Whose something is that is kept beside events, as far as it is written down. Writes nothing. */
export async function ownerIn(
  recorder: SqlRecorder,
  { kept, schema }: Kept,
): Promise<{ readonly log: string; readonly isOwn: boolean } | undefined> {
  const name = await logName(recorder);
  if (name === undefined) return undefined;
  const { table } = sqlTableName(OWNERS_TABLE, schema, { supportsSchemas: true });
  const log = await recordedOwner(recorder, table, kept);
  return log === undefined ? undefined : { log, isOwn: log === name };
}

async function recordedOwner(sql: SqlQueryable, table: string, kept: string): Promise<string | undefined> {
  try {
    const { rows } = await sql.query(`SELECT log FROM ${table} WHERE kept = $1`, [kept]);
    return rows[0]?.['log'] as string | undefined;
  } catch (error) {
    // There is no such table yet. Anything that is really wrong shows again when it is created.
    if (error instanceof DatabaseError) return undefined;
    throw error;
  }
}

async function claim(
  recorder: SqlRecorder,
  { table, kept, name }: { readonly table: string; readonly kept: string; readonly name: string },
): Promise<string | undefined> {
  try {
    return await recorder.transaction(async ({ connection }) => {
      await takeTurn(connection, recorder.dialect, `daybook logs ${table}`);
      await connection.query(createOwnersSql(table));
      await connection.query(`INSERT INTO ${table} (kept, log) VALUES ($1, $2) ON CONFLICT (kept) DO NOTHING`, [
        kept,
        name,
      ]);
      const { rows } = await connection.query(`SELECT log FROM ${table} WHERE kept = $1`, [kept]);
      return rows[0]?.['log'] as string | undefined;
    });
  } catch (error) {
    const deniedState = recorder.dialect.log?.deniedState;
    if (deniedState !== undefined && isEventSourcingError(error) && error.details['sqlState'] === deniedState)
      return undefined;
    throw error;
  }
}
