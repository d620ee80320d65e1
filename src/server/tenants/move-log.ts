/**
 * A log moved to other tables: of another database, another schema, or another layout.
 *
 * ```text
 * close    the head says that the log was moved: whoever asks for anything, in whichever process, is told to come again
 * copy     in one transaction there: events under their ids, tracking, units with their places and chain, what is refused and
 *          what is set aside, gaps; then both sides are read again and compared, row by row; then it is committed
 * place    the caller writes down where the log is now
 * ```
 *
 * Invariants:
 * 1. What was answered is there: nothing is recorded by a log that is closed, and it is closed before the first row is read.
 * 2. The other place has all of it or nothing. What broke off is begun again by moving again.
 * 3. A log that is closed is opened again by a move that has not committed anything, and by nothing else.
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
import { columnsOf, copyRows, countFilled, digestBoth } from './table-copy.js';
import type { CopiedColumn, CopiedRows } from './table-copy.js';

// Its last row says that the table need not be changed to the newer layout.
const PYTHON_MARK = '__migration__';

/** A log, and where it is. */
export interface LogAtPlace {
  readonly recorder: SqlRecorder;
  readonly log: SqlLog;
  readonly tables: LogTables;
}

/** Rows that were moved. */
export interface MovedRows {
  readonly events: number;
  /** Those that are refused as well. */
  readonly units: number;
  readonly gaps: number;
  readonly setAside: number;
  readonly refused: number;
  /** Applications that are tracked. */
  readonly tracking: number;
}

/** What was moved. */
export interface MovedLog {
  /** The end of the log, at both places. */
  readonly position: number;
  readonly rows: MovedRows;
}

/**
 * Closes a log and takes all of it to another place.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the other place has something else already, or no room for something of
 *   this one; the log is open again then, if it was before
 * @throws OperationalError (`OPERATIONAL_ERROR`) when a database fails: move again
 */
export async function moveLog(from: LogAtPlace, to: LogAtPlace): Promise<MovedLog> {
  const wasOpen = await closeLog(from);
  const copy = { isCommitting: false };
  try {
    return await from.recorder.transaction(async ({ connection: source }) => {
      // Who writes beside the log, too.
      await source.query(from.log.lockSql);
      return await to.recorder.transaction(async ({ connection: target }) => {
        await target.query(to.log.lockSql);
        const moved = await copied({ from, to, source, target });
        copy.isCommitting = true;
        return moved;
      });
    });
  } catch (error) {
    // Of what was being committed nobody knows: it may be there, and be served.
    if (wasOpen && !copy.isCommitting) await setClosed(from, false);
    throw error;
  }
}

/** @returns whether it was open */
async function closeLog(from: LogAtPlace): Promise<boolean> {
  return await setClosed(from, true);
}

/** @returns whether that changed anything */
async function setClosed({ recorder, log, tables }: LogAtPlace, isClosed: boolean): Promise<boolean> {
  return await recorder.transaction(async ({ connection }) => {
    await connection.query(log.lockSql);
    const { rows } = await connection.query(
      `UPDATE ${tables.head} SET position = -1 - position WHERE id = 1 AND position ${isClosed ? '>= 0' : '< 0'} RETURNING id`,
    );
    return rows.length > 0;
  });
}

interface Copying {
  readonly from: LogAtPlace;
  readonly to: LogAtPlace;
  readonly source: SqlQueryable;
  readonly target: SqlQueryable;
}

async function copied(copying: Copying): Promise<MovedLog> {
  const { from, to, source, target } = copying;
  const head = await headOf(source, from);
  const there = await headOf(target, to);
  const parts = await partsOf(copying);
  const isEmpty = await hasNothing(target, to);
  if (isEmpty) {
    for (const { rows, into } of parts) await copyRows(source, rows.source, target, into);
    await target.query(
      `UPDATE ${to.tables.head} SET position = $1, chain = decode($2, 'hex'), last_id = $3 WHERE id = 1`,
      [head.position, head.chain, head.lastId],
    );
    await raiseSequence(target, to, head.lastId);
  } else if (there.isClosed || there.position !== head.position || there.chain !== head.chain) {
    throw occupied({ position: there.position, isClosed: there.isClosed });
  }
  const counts: Record<string, number> = {};
  for (const { name, rows } of parts) {
    const [ours, theirs] = await digestBoth([source, rows.source], [target, rows.target]);
    if (ours.rows !== theirs.rows || ours.hash !== theirs.hash) {
      throw isEmpty ? differing(name) : occupied({ table: name });
    }
    counts[name] = ours.rows;
  }
  return { position: head.position, rows: counts as Readonly<Record<keyof MovedRows, number>> };
}

interface Part {
  readonly name: keyof MovedRows;
  readonly rows: { readonly source: CopiedRows; readonly target: CopiedRows };
  readonly into: { readonly table: string; readonly columns: readonly CopiedColumn[] };
}

async function partsOf({ from, to, source, target }: Copying): Promise<readonly Part[]> {
  const tableParts = [
    ['events', from.log.eventsTable, to.log.eventsTable, from.log.columns.notificationId],
    ['units', from.tables.units, to.tables.units, 'unit_id'],
    ['gaps', from.tables.gaps, to.tables.gaps, 'first_id'],
    ['setAside', from.tables.setAside, to.tables.setAside, 'unit_id'],
    ['refused', from.tables.refused, to.tables.refused, 'unit_id'],
  ] as const;
  const parts: Part[] = [];
  for (const [name, here, there, order] of tableParts) {
    const [ours, theirs] = [await columnsOf(source, here), await columnsOf(target, there)];
    const names = new Set(theirs.map((column) => column.name));
    const columns = ours.filter((column) => names.has(column.name));
    const lost = ours.filter((column) => !names.has(column.name));
    if ((await countFilled(source, here, lost)) > 0) throw noRoom(here, lost);
    const rows = { source: { columns, order, from: here }, target: { columns, order, from: there } };
    parts.push({ name, rows, into: { table: there, columns } });
  }
  const [ours, theirs] = [await trackingOf(source, from), await trackingOf(target, to)];
  const columns = [{ name: theirs.nameColumn, type: 'text' }, NOTIFICATION_ID];
  parts.push({
    name: 'tracking',
    rows: { source: ours.rows, target: theirs.rows },
    into: { table: to.log.trackingTable, columns },
  });
  return parts;
}

const NOTIFICATION_ID: CopiedColumn = { name: 'notification_id', type: 'bigint' };

/** How far each application was, whatever rows that is in. */
async function trackingOf(
  sql: SqlQueryable,
  { log: { trackingTable } }: LogAtPlace,
): Promise<{ readonly nameColumn: string; readonly rows: CopiedRows }> {
  const { rows } = await sql.query(trackingKeySql(trackingTable));
  const nameColumn = rows[0] === undefined ? 'application_name' : String(rows[0]['name_column']);
  const from = `(SELECT ${nameColumn} AS name, max(notification_id) AS notification_id FROM ${trackingTable}
    WHERE ${nameColumn} <> '${PYTHON_MARK}' GROUP BY 1) AS t`;
  const columns = [{ name: 'name', type: 'text' }, NOTIFICATION_ID];
  return { nameColumn, rows: { columns, from, order: 'name COLLATE "C"' } };
}

interface HeadAtPlace {
  readonly position: number;
  readonly chain: string;
  readonly lastId: number;
  readonly isClosed: boolean;
}

async function headOf(sql: SqlQueryable, { tables }: LogAtPlace): Promise<HeadAtPlace> {
  const { rows } = await sql.query(
    `SELECT position, encode(chain, 'hex') AS chain, last_id FROM ${tables.head} WHERE id = 1 FOR UPDATE`,
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

async function hasNothing(sql: SqlQueryable, { log, tables }: LogAtPlace): Promise<boolean> {
  const all = [log.eventsTable, tables.units, tables.gaps, tables.setAside, tables.refused];
  const { rows } = await sql.query(
    `SELECT ${all.map((table) => `EXISTS (SELECT FROM ${table})`).join(' OR ')} OR EXISTS (
       SELECT FROM ${log.trackingTable} AS t WHERE to_jsonb(t)::text NOT LIKE '%"${PYTHON_MARK}"%') AS has_some`,
  );
  return rows[0]?.['has_some'] === false;
}

/** Of a table of one tenant: events that come are to have ids after those that were moved. */
async function raiseSequence(sql: SqlQueryable, { log }: LogAtPlace, lastId: number): Promise<void> {
  if (log.tenants !== undefined) return;
  const id = log.columns.notificationId;
  await sql.query(
    `SELECT setval(s.name, s.least) FROM (
       SELECT pg_get_serial_sequence($1, $2) AS name, greatest($3::bigint, (SELECT max(${id}) FROM ${log.eventsTable})) AS least
     ) AS s WHERE s.name IS NOT NULL AND s.least > 0`,
    [log.eventsTable, id.slice(1, -1).replaceAll('""', '"'), lastId],
  );
}

function occupied(details: Readonly<Record<string, string | number | boolean>>): ProgrammingError {
  return new ProgrammingError(
    'At the other place there is something else of this tenant already. Nothing was changed there: look at it, and remove it or choose another place.',
    { details },
  );
}

function noRoom(table: string, columns: readonly CopiedColumn[]): ProgrammingError {
  const names = columns.map(({ name }) => name).join(', ');
  return new ProgrammingError(
    `${table} has something in ${names}, and there are no such columns at the other place. Nothing was stored.`,
    { details: { table, columns: names } },
  );
}

function differing(table: string): ProgrammingError {
  return new ProgrammingError(
    `What was copied of ${table} is not what is here: something at the other place changes rows. Nothing was stored.`,
    { details: { table } },
  );
}
