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
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import { chainHash } from '../log/chain-hash.js';
import { closeLog, hasNothing, headOf, isSameLog, openLog, PYTHON_MARK, trackedNameOf } from './log-at-place.js';
import type { LogAtPlace, LogInTransaction } from './log-at-place.js';
import { copyRows, digestBoth, sharedColumns } from './table-copy.js';
import type { CopiedColumn, CopiedRows } from './table-copy.js';

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
  /** Of all these rows, in hex: the same at both places. */
  readonly hash: string;
}

/** How far a move is. */
export interface MoveProgress {
  readonly phase: 'copying' | 'comparing';
  readonly part: keyof MovedRows;
  /** Of this part and phase, up to now. */
  readonly rows: number;
}

/** How a log is moved. */
export interface MoveOptions {
  /** Told after some rows each time; what it throws ends the move. */
  readonly onProgress?: ((progress: MoveProgress) => void) | undefined;
  /** Ends it between some rows and the next, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Closes a log and takes all of it to another place.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the other place has something else already, or no room for something of
 *   this one; the log is open again then, if it was before
 * @throws OperationalError (`OPERATIONAL_ERROR`) when a database fails: move again
 */
export async function moveLog(from: LogAtPlace, to: LogAtPlace, options: MoveOptions = {}): Promise<MovedLog> {
  options.signal?.throwIfAborted();
  const wasOpen = await closeLog(from);
  const copy = { isCommitting: false };
  try {
    return await from.recorder.transaction(async ({ connection: ours }) => {
      // Who writes beside the log, too.
      await ours.query(from.log.lockSql);
      return await to.recorder.transaction(async ({ connection: theirs }) => {
        const [source, target] = [
          { ...from, sql: ours },
          { ...to, sql: theirs },
        ];
        if (await isSameLog(source, target)) throw toItself();
        await theirs.query(to.log.lockSql);
        const moved = await copied(source, target, options);
        options.signal?.throwIfAborted();
        copy.isCommitting = true;
        return moved;
      });
    });
  } catch (error) {
    // Of what was being committed nobody knows: it may be there, and be served.
    if (wasOpen && !copy.isCommitting) await openLog(from);
    throw error;
  }
}

async function copied(from: LogInTransaction, to: LogInTransaction, options: MoveOptions): Promise<MovedLog> {
  const { sql: source } = from;
  const { sql: target } = to;
  const head = await headOf(source, from.tables);
  if (!head.isClosed) throw openedAgain();
  const there = await headOf(target, to.tables);
  const parts = await partsOf(from, to);
  const isEmpty = await hasNothing(target, to);
  if (isEmpty) {
    for (const { name, rows, into } of parts) {
      await copyRows(source, rows.source, target, { ...into, onRows: telling('copying', name, options) });
    }
    await target.query(
      `UPDATE ${to.tables.head} SET position = $1, chain = decode($2, 'hex'), last_id = $3 WHERE id = 1`,
      [head.position, head.chain, head.lastId],
    );
    await raiseSequence(target, to, head.lastId);
  } else if (there.isClosed || there.position !== head.position || there.chain !== head.chain) {
    throw occupied({ position: there.position, isClosed: there.isClosed });
  }
  const counts: Record<string, number> = {};
  let hash = head.chain;
  for (const { name, rows } of parts) {
    const onRows = telling('comparing', name, options);
    const [ours, theirs] = await digestBoth([source, rows.source], [target, rows.target], onRows);
    if (ours.rows !== theirs.rows || ours.hash !== theirs.hash) {
      throw isEmpty ? differing(name) : occupied({ table: name });
    }
    counts[name] = ours.rows;
    hash = chainHash(new TextEncoder().encode(JSON.stringify([hash, name, ours.rows, ours.hash])));
  }
  return { position: head.position, rows: counts as Readonly<Record<keyof MovedRows, number>>, hash };
}

function telling(
  phase: MoveProgress['phase'],
  part: keyof MovedRows,
  { onProgress, signal }: MoveOptions,
): (rows: number) => void {
  return (rows) => {
    signal?.throwIfAborted();
    onProgress?.({ phase, part, rows });
  };
}

interface Part {
  readonly name: keyof MovedRows;
  readonly rows: { readonly source: CopiedRows; readonly target: CopiedRows };
  readonly into: { readonly table: string; readonly columns: readonly CopiedColumn[] };
}

async function partsOf(from: LogInTransaction, to: LogInTransaction): Promise<readonly Part[]> {
  const tableParts = [
    ['events', from.log.eventsTable, to.log.eventsTable, from.log.columns.notificationId],
    ['units', from.tables.units, to.tables.units, 'unit_id'],
    ['gaps', from.tables.gaps, to.tables.gaps, 'first_id'],
    ['setAside', from.tables.setAside, to.tables.setAside, 'unit_id'],
    ['refused', from.tables.refused, to.tables.refused, 'unit_id'],
  ] as const;
  const parts: Part[] = [];
  for (const [name, here, there, order] of tableParts) {
    const columns = await sharedColumns([from.sql, here], [to.sql, there]);
    const rows = { source: { columns, order, from: here }, target: { columns, order, from: there } };
    parts.push({ name, rows, into: { table: there, columns } });
  }
  const [ours, theirs] = [await trackingOf(from), await trackingOf(to)];
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
async function trackingOf({
  sql,
  log,
}: LogInTransaction): Promise<{ readonly nameColumn: string; readonly rows: CopiedRows }> {
  const nameColumn = await trackedNameOf(sql, log);
  const from = `(SELECT ${nameColumn} AS name, max(notification_id) AS notification_id FROM ${log.trackingTable}
    WHERE ${nameColumn} <> '${PYTHON_MARK}' GROUP BY 1) AS t`;
  const columns = [{ name: 'name', type: 'text' }, NOTIFICATION_ID];
  return { nameColumn, rows: { columns, from, order: 'name COLLATE "C"' } };
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

function openedAgain(): ProgrammingError {
  return new ProgrammingError(
    'The log was opened again while it was moved: somebody has cancelled the move. Nothing was stored at the other place.',
  );
}

function differing(table: string): ProgrammingError {
  return new ProgrammingError(
    `What was copied of ${table} is not what is here: something at the other place changes rows. Nothing was stored.`,
    { details: { table } },
  );
}

function toItself(): ProgrammingError {
  return new ProgrammingError(
    'Both places are the same tables, by whatever addresses. Nothing was moved: name another place.',
  );
}
