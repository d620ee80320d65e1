/**
 * The log of a tenant at one of the places where it is or was: what its head says, whether there is anything, whether two
 * places are the same tables.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { toSafeInteger } from '../../persistence/postgres/postgres-rows.js';
import { trackingKeySql } from '../../persistence/postgres/postgres-schema.js';
import type { SqlLog } from '../../persistence/sql/sql-dialect.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { LogTables } from '../log/postgres/log-tables.js';

/** Of the tracking table: its row says that the table need not be changed to the newer layout. */
export const PYTHON_MARK = '__migration__';

/** A log, and where it is. */
export interface LogAtPlace {
  readonly recorder: SqlRecorder;
  readonly log: SqlLog;
  readonly tables: LogTables;
}

/** A log, and a transaction in its database. */
export interface LogInTransaction extends LogAtPlace {
  readonly sql: SqlQueryable;
}

/** The end of a log, and whether it was moved away. */
export interface HeadAtPlace {
  readonly position: number;
  readonly chain: string;
  readonly lastId: number;
  readonly isClosed: boolean;
}

/** Closes a log for everybody. @returns whether it was open */
export async function closeLog({ recorder, log, tables }: LogAtPlace): Promise<boolean> {
  return await recorder.transaction(async ({ connection }) => {
    await connection.query(log.lockSql);
    return await closeHead(connection, tables);
  });
}

/** Opens a log again. */
export async function openLog({ recorder, log, tables }: LogAtPlace): Promise<void> {
  await recorder.transaction(async ({ connection }) => {
    await connection.query(log.lockSql);
    await openHead(connection, tables);
  });
}

/** The same as {@link closeLog}, for who has the log's lock. */
export async function closeHead(sql: SqlQueryable, { head }: LogTables): Promise<boolean> {
  return await turn(sql, head, '>= 0');
}

/** Opens it again, for who has the log's lock. @returns whether it was closed */
export async function openHead(sql: SqlQueryable, { head }: LogTables): Promise<boolean> {
  return await turn(sql, head, '< 0');
}

async function turn(sql: SqlQueryable, head: string, where: string): Promise<boolean> {
  const { rows } = await sql.query(
    `UPDATE ${head} SET position = -1 - position WHERE id = 1 AND position ${where} RETURNING id`,
  );
  return rows.length > 0;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) where there is none */
export async function headOf(sql: SqlQueryable, tables: LogTables): Promise<HeadAtPlace> {
  const { rows } = await sql.query(
    `SELECT position, encode(chain, 'hex') AS chain, last_id FROM ${tables.head} WHERE id = 1`,
  );
  const [row] = rows;
  if (row === undefined) throw new ProgrammingError('The log has no head. Call createTables() first.');
  const position = toSafeInteger(row, 'position');
  return {
    position: position < 0 ? -1 - position : position,
    chain: String(row['chain']),
    lastId: toSafeInteger(row, 'last_id'),
    isClosed: position < 0,
  };
}

/** Whether all of the log's tables are there. */
export async function hasTables(sql: SqlQueryable, { log, tables }: LogAtPlace): Promise<boolean> {
  const all = [log.eventsTable, log.trackingTable, tables.units, tables.gaps, tables.setAside, tables.refused];
  const { rows } = await sql.query(
    `SELECT bool_and(to_regclass(name) IS NOT NULL) AS has_all FROM unnest($1::text[]) AS t (name)`,
    [[...all, tables.head]],
  );
  return rows[0]?.['has_all'] === true;
}

/** Whether none of the log's tables has a row of the tenant, but for the head. */
export async function hasNothing(sql: SqlQueryable, { log, tables }: LogAtPlace): Promise<boolean> {
  const all = [log.eventsTable, tables.units, tables.gaps, tables.setAside, tables.refused];
  const { rows } = await sql.query(
    `SELECT ${all.map((table) => `EXISTS (SELECT FROM ${table})`).join(' OR ')} OR EXISTS (
       SELECT FROM ${log.trackingTable} AS t WHERE to_jsonb(t)::text NOT LIKE '%"${PYTHON_MARK}"%') AS has_some`,
  );
  return rows[0]?.['has_some'] === false;
}

/** The column of the tracking table that names an application, quoted. */
export async function trackedNameOf(sql: SqlQueryable, { trackingTable }: SqlLog): Promise<string> {
  const { rows } = await sql.query(trackingKeySql(trackingTable));
  return rows[0] === undefined ? 'application_name' : String(rows[0]['name_column']);
}

/**
 * Whether two places are the same tables, however their addresses are written. Without this a log would be taken for a copy
 * of itself.
 */
export async function isSameLog(one: LogInTransaction, other: LogInTransaction): Promise<boolean> {
  // A lock that nobody else knows: it is taken where both are of one database, and nowhere else.
  const [key = 0n] = crypto.getRandomValues(new BigInt64Array(1));
  await one.sql.query('SELECT pg_advisory_xact_lock($1::bigint)', [String(key)]);
  const { rows } = await other.sql.query('SELECT pg_try_advisory_xact_lock($1::bigint) AS is_free', [String(key)]);
  if (rows[0]?.['is_free'] === true) return false;
  const [ours, theirs] = [await idOf(one), await idOf(other)];
  return ours === theirs;
}

async function idOf({ sql, tables }: LogInTransaction): Promise<string> {
  const { rows } = await sql.query('SELECT to_regclass($1)::oid::text AS id', [tables.head]);
  return String(rows[0]?.['id']);
}
