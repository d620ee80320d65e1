/**
 * What is left of a log at a place where it is not served: looked at, removed, or gone back to.
 *
 * ```text
 * remove   in one transaction there: every event and every unit is at the place where the log is served, in the same places,
 *          with the same chain; then the rows go, and the head stays, which says that the log was moved
 * cancel   the copy at the other place is removed in the same way, where there is one; then the log is opened again
 * ```
 *
 * The head stays so that a process which still takes that place for the right one makes no new log there, which devices
 * would take for a server that has lost everything.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { toSafeInteger } from '../../persistence/postgres/postgres-rows.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import {
  closeHead,
  hasNothing,
  hasTables,
  headOf,
  isSameLog,
  openHead,
  PYTHON_MARK,
  trackedNameOf,
} from './log-at-place.js';
import type { HeadAtPlace, LogAtPlace, LogInTransaction } from './log-at-place.js';
import { digestBoth, sharedColumns } from './table-copy.js';
import type { RowsDigest } from './table-copy.js';

// A statement has a time, and a transaction may have many of them.
const ROWS_AT_ONCE = 20_000;

/** What there is of a tenant at a place. */
export interface TenantStanding {
  /**
   * `absent`: nothing, ever; `open`: it is served here, or it is a copy that waits to be; `closed`: it was moved from here,
   * or is being moved, and its rows are here; `removed`: it was moved from here, and its rows are gone.
   */
  readonly state: 'absent' | 'open' | 'closed' | 'removed';
  /** The end of the log, or where that was. */
  readonly position: number;
}

/** What was removed. */
export interface RemovedRows {
  readonly events: number;
  readonly units: number;
}

/** Looks at a place, and changes nothing. */
export async function standingAt(at: LogAtPlace): Promise<TenantStanding> {
  return await at.recorder.transaction(async ({ connection: sql }) => {
    if (!(await hasTables(sql, at))) return { state: 'absent', position: 0 };
    const head = await headOf(sql, at.tables);
    const { position, isClosed } = head;
    const isEmpty = await hasNothing(sql, at);
    if (isClosed) return { state: isEmpty ? 'removed' : 'closed', position };
    return { state: isEmpty && position === 0 ? 'absent' : 'open', position };
  });
}

/**
 * Removes what is left of a log at a place, when all of it is where the log is served.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is not, or the log is not served there: nothing was removed
 */
export async function removeCopy(served: LogAtPlace, copy: LogAtPlace): Promise<RemovedRows> {
  return await served.recorder.transaction(async ({ connection: sql }) => {
    const head = await headOf(sql, served.tables);
    if (head.isClosed) throw notServed();
    return await removedFrom(copy, { ...served, sql }, head);
  });
}

/**
 * Opens a log again that was closed to be moved.
 *
 * @param copy - where it was to go; `undefined` where nobody will ever look there again
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the log has gone on there, or was not closed here
 */
export async function reopen(at: LogAtPlace, copy: LogAtPlace | undefined): Promise<RemovedRows> {
  return await at.recorder.transaction(async ({ connection: sql }) => {
    // Who moves it has this lock from its first row on.
    await sql.query(at.log.lockSql);
    const head = await headOf(sql, at.tables);
    if (!head.isClosed) throw notClosed();
    const removed = copy === undefined ? NONE : await removedFrom(copy, { ...at, sql }, head);
    await openHead(sql, at.tables);
    return removed;
  });
}

const NONE: RemovedRows = { events: 0, units: 0 };

async function removedFrom(copy: LogAtPlace, served: LogInTransaction, there: HeadAtPlace): Promise<RemovedRows> {
  return await copy.recorder.transaction(async ({ connection: sql }) => {
    const left = { ...copy, sql };
    if (!(await hasTables(sql, copy))) return NONE;
    if (await isSameLog(served, left)) throw toItself();
    await sql.query(copy.log.lockSql);
    const head = await headOf(sql, copy.tables);
    // Removed before; or a copy that broke off before anything was committed.
    if ((head.isClosed || head.position === 0) && (await hasNothing(sql, copy))) return NONE;
    const removed = await compared(served, left, { head, there });
    await deleteRows(left);
    if (!head.isClosed) await closeHead(sql, copy.tables);
    return removed;
  });
}

interface Heads {
  readonly head: HeadAtPlace;
  readonly there: HeadAtPlace;
}

async function compared(
  served: LogInTransaction,
  copy: LogInTransaction,
  { head, there }: Heads,
): Promise<RemovedRows> {
  if (head.position > there.position) throw notAll('units', { position: head.position, served: there.position });
  const id = copy.log.columns.notificationId;
  const { rows } = await copy.sql.query(`SELECT coalesce(max(${id}), 0) AS max FROM ${copy.log.eventsTable}`);
  const lastId = toSafeInteger(rows[0] ?? {}, 'max');
  const events = await digests(served, copy, {
    table: ({ log }) => log.eventsTable,
    order: ({ log }) => log.columns.notificationId,
    upTo: ({ log }) => `${log.columns.notificationId} <= ${lastId}`,
  });
  if (!isEqual(events)) throw notAll('events', { events: events[1].rows, served: events[0].rows });
  const units = await digests(served, copy, {
    table: ({ tables }) => tables.units,
    order: () => 'position',
    upTo: () => `position <= ${head.position}`,
  });
  if (!isEqual(units)) throw notAll('units', { units: units[1].rows, served: units[0].rows });
  return { events: events[1].rows, units: units[1].rows };
}

type Digests = readonly [served: RowsDigest, copy: RowsDigest];
type Saying = (at: LogAtPlace) => string;

async function digests(
  served: LogInTransaction,
  copy: LogInTransaction,
  { table, order, upTo }: { readonly table: Saying; readonly order: Saying; readonly upTo: Saying },
): Promise<Digests> {
  const columns = await sharedColumns([copy.sql, table(copy)], [served.sql, table(served)]);
  const rowsOf = (at: LogAtPlace) => ({
    ...{ columns, order: order(at) },
    from: `(SELECT * FROM ${table(at)} WHERE ${upTo(at)}) AS t`,
  });
  return await digestBoth([served.sql, rowsOf(served)], [copy.sql, rowsOf(copy)], () => undefined);
}

function isEqual([served, copy]: Digests): boolean {
  return served.rows === copy.rows && served.hash === copy.hash;
}

async function deleteRows({ sql, log, tables }: LogInTransaction): Promise<void> {
  const keys = [
    [log.eventsTable, log.columns.notificationId],
    [tables.units, 'unit_id'],
    [tables.gaps, 'first_id'],
    [tables.setAside, 'unit_id'],
    [tables.refused, 'unit_id'],
  ] as const;
  for (const [table, key] of keys) await deleteAll(sql, table, key);
  const name = await trackedNameOf(sql, log);
  await sql.query(`DELETE FROM ${log.trackingTable} WHERE ${name} <> '${PYTHON_MARK}'`);
}

async function deleteAll(sql: SqlQueryable, table: string, key: string): Promise<void> {
  for (;;) {
    const { rows } = await sql.query(
      `WITH gone AS (
         DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} ORDER BY ${key} LIMIT ${ROWS_AT_ONCE}) RETURNING 1
       ) SELECT count(*) AS count FROM gone`,
    );
    if (toSafeInteger(rows[0] ?? {}, 'count') < ROWS_AT_ONCE) return;
  }
}

function notAll(what: string, details: Readonly<Record<string, number>>): ProgrammingError {
  return new ProgrammingError(
    `Not all ${what} that are at the old place are where the log is served: something was recorded there beside the log, or the log has lost or archived something since. Nothing was removed. Look at both places, and remove the rows by hand if nothing of them is missed.`,
    { details: { reason: 'differs', what, ...details } },
  );
}

function notServed(): ProgrammingError {
  return new ProgrammingError(
    'Where place says that the tenant is, its log is closed: it is being moved, or was. Nothing was removed.',
    { details: { reason: 'closed' } },
  );
}

function notClosed(): ProgrammingError {
  return new ProgrammingError('The log was not closed to be moved. Nothing was changed.', {
    details: { reason: 'open' },
  });
}

function toItself(): ProgrammingError {
  return new ProgrammingError(
    'Both places are the same tables, by whatever addresses: the log is served there. Nothing was removed.',
    { details: { reason: 'same' } },
  );
}
