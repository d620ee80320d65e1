/**
 * What is in the view of a projection as one short text, to be compared across devices, engines and a server: those that have
 * the same confirmed history have the same text.
 *
 * ```text
 * row    ──▶ its columns by name, each value in a form that all engines share ──▶ SHA-256
 * table  ──▶ the sum of its rows, modulo 2^256, and how many they are: the order of rows does not matter
 * view   ──▶ its name and version, each table's name and sum ──▶ SHA-256
 * ```
 *
 * It says whether views are the same, by accident or fault; it is no proof against somebody who makes rows up.
 *
 * @module
 */
import { isSynchronised } from '../../persistence/sql/unit-order.js';
import { exactSql, rowPlace } from '../../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../../persistence/sql/sql-dialect.js';
import type { SqlQueryable, SqlRow } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { sha256Now } from '../../util/sha256-now.js';
import { UNSETTLED } from './projection-applier.js';
import { ViewUnsettledError } from './projection-replaced-error.js';
import type { SqlProjection } from './projection.js';
import { SqlProjectionStore } from './sql-projection-store.js';

const FORMAT = 'daybook-view-1';
const PAGE_ROWS = 1_000;
const MODULUS = 1n << 256n;
const PLACE = 'daybook_row_place';
const encoder = new TextEncoder();

/** What tables hold, whatever the order of their rows. */
export interface TablesHash {
  /** 64 digits, hexadecimal. */
  readonly hash: string;
  readonly rows: number;
}

/** What the view of a projection holds. */
export interface ProjectionHash extends TablesHash {
  readonly projection: string;
  /** Of the projection: views of different versions have different hashes. */
  readonly version: number;
  /** The view holds what was recorded up to here. Compare hashes of the same position only. */
  readonly position: number;
  /**
   * What the position is of: of the `server`'s log, the same on all devices that see the same of it; or of the
   * `recorder`'s own events, where the store was never synchronised, as on the server itself.
   */
  readonly positionOf: 'server' | 'recorder';
  /** Events that somebody has told this view to leave out (`deadLetters.discard`): another view may have them. */
  readonly discarded: number;
}

/**
 * Makes the hash of a projection's view as it is now, of what is confirmed. Reads all of its rows, and keeps others from
 * changing the view meanwhile: for a look now and then, not for each event.
 *
 * Equal on all engines are texts, bytes, integers, `DOUBLE PRECISION` (`REAL` in SQLite), truth values (0 and 1 in SQLite)
 * and NULL. What an engine has types of its own for, such as times and decimal numbers, is equal on that engine only: keep it
 * as a text. Columns and tables go by their names.
 *
 * @param recorder - whose database has the view
 * @throws ViewUnsettledError (`VIEW_UNSETTLED`) when there is something pending in the view, it has dead letters that nobody
 *   has settled, or it is still to be made of what is confirmed
 * @throws ProjectionReplacedError (`PROJECTION_REPLACED`), ProgrammingError (`PROGRAMMING_ERROR`) when the view is of another
 *   definition
 *
 * @example
 * ```ts
 * await levels.catchUp();
 * const { hash, position } = await projectionHash(daybook.recorder, stockLevels);
 * report({ device, position, hash });
 * ```
 */
export async function projectionHash<Table extends string>(
  recorder: SqlRecorder,
  projection: SqlProjection<Table>,
): Promise<ProjectionHash> {
  const store = new SqlProjectionStore(recorder, projection);
  const { name, version = 1 } = projection;
  return await recorder.transaction(async ({ connection: sql }) => {
    const transaction = await store.within({ connection: sql });
    const letters = await transaction.deadLetters({ statuses: [...UNSETTLED, 'discarded'] });
    const discarded = letters.filter(({ status }) => status === 'discarded').length;
    if (letters.length > discarded) throw unsettled(name, { deadLetters: letters.length - discarded });
    const at = transaction.isSynchronised && (await isSynchronised(sql));
    const position = at ? await confirmedPosition(sql, name, transaction.generation) : transaction.position;
    const { hash, rows } = await hashed(sql, recorder.dialect, [FORMAT, name, version], transaction.view.tables);
    return {
      ...{ hash, rows, projection: name, version, position, discarded },
      positionOf: at ? 'server' : 'recorder',
    };
  });
}

/**
 * Makes the hash of tables of one's own, as {@link projectionHash} makes that of a view. What they are made of, and up to
 * where, is for whoever fills them to know.
 *
 * @param sql - the connection of a transaction, so that they are seen as they are at one time
 * @param tables - by the names that the hash goes by: what they are called, as SQL
 *
 * @example
 * ```ts
 * const { hash } = await recorder.transaction(({ connection }) => tablesHash(connection, recorder.dialect, { orders: 'orders' }));
 * ```
 */
export async function tablesHash(
  sql: SqlQueryable,
  dialect: SqlDialect,
  tables: Readonly<Record<string, string>>,
): Promise<TablesHash> {
  return await hashed(sql, dialect, [FORMAT], tables);
}

/** Where the server's log has the last of what is in a view. */
async function confirmedPosition(sql: SqlQueryable, projection: string, generation: number): Promise<number> {
  const { rows: tables } = await sql.query("SELECT 1 FROM sqlite_schema WHERE name = 'projection_tails'");
  if (tables.length === 0) throw unsettled(projection, {});
  const { rows } = await sql.query(
    `SELECT
      (SELECT count(*) FROM projection_tails WHERE projection = $1 AND generation = $2) AS pending,
      (SELECT confirmed FROM projection_progress WHERE projection = $1 AND generation = $2 AND position IS NULL
        AND era = (SELECT coalesce(max(CAST(cursor AS INTEGER)), 0) FROM daybook_marks WHERE position = -7)) AS confirmed`,
    [projection, generation],
  );
  const { pending = 0, confirmed = null } = rows[0] ?? {};
  if (Number(pending) > 0) throw unsettled(projection, { pendingUnits: Number(pending) });
  if (confirmed === null) throw unsettled(projection, {});
  const { rows: positions } = await sql.query(
    `SELECT max(u.position) AS position FROM daybook_confirmed AS c JOIN daybook_units AS u ON u.first_id = c.first_id
      WHERE c.id <= $1`,
    [confirmed],
  );
  return Number(positions[0]?.['position'] ?? 0);
}

async function hashed(
  sql: SqlQueryable,
  dialect: SqlDialect,
  head: readonly (string | number)[],
  tables: Readonly<Record<string, string>>,
): Promise<TablesHash> {
  const sums: (readonly [table: string, rows: number, sum: string])[] = [];
  for (const [table, name] of Object.entries(tables).sort(([left], [right]) => (left < right ? -1 : 1))) {
    const { sum, rows } = await tableSum(sql, dialect, name);
    sums.push([table, rows, sum.toString(16)]);
  }
  const rows = sums.reduce((all, [, count]) => all + count, 0);
  return { hash: hexOf(sha256Now(encoder.encode(JSON.stringify([...head, sums])))), rows };
}

async function tableSum(
  sql: SqlQueryable,
  dialect: SqlDialect,
  table: string,
): Promise<{ readonly sum: bigint; readonly rows: number }> {
  let sum = 0n;
  let count = 0;
  for await (const rows of pagesOf(sql, dialect, table)) {
    for (const row of rows) sum = (sum + BigInt(`0x${hexOf(sha256Now(rowBytes(row)))}`)) % MODULUS;
    count += rows.length;
  }
  return { sum, rows: count };
}

/** The rows of a table, in parts where the engine says where each is. */
async function* pagesOf(
  sql: SqlQueryable,
  dialect: SqlDialect,
  table: string,
): AsyncGenerator<readonly SqlRow[], void, undefined> {
  // A row of nothing: of one that is there, a driver might refuse a large number.
  const { rows: named } = await sql.query(`SELECT t.* FROM (SELECT 1) AS one LEFT JOIN ${table} AS t ON 1 = 0`);
  const columns = Object.keys(named[0] ?? {}).map((column) => {
    const quoted = `"${column.replaceAll('"', '""')}"`;
    return `${exactSql(dialect, `t.${quoted}`)} AS ${quoted}`;
  });
  const place = await rowPlace(sql, dialect, table);
  if (place === undefined) {
    yield (await sql.query(`SELECT ${columns.join(', ')} FROM ${table} AS t`)).rows;
    return;
  }
  const { column, type } = place;
  const text = `SELECT CAST(t.${column} AS TEXT) AS ${PLACE}, ${columns.join(', ')} FROM ${table} AS t
    WHERE t.${column} > CAST($1 AS ${type}) ORDER BY t.${column} LIMIT ${PAGE_ROWS}`;
  for (let after: string | undefined = place.first; after !== undefined;) {
    const { rows } = await sql.query(text, [after]);
    yield rows;
    const last = rows.length < PAGE_ROWS ? undefined : rows.at(-1);
    after = last && (last[PLACE] as string);
  }
}

function rowBytes(row: SqlRow): Uint8Array {
  const columns = Object.entries(row).filter(([column]) => column !== PLACE);
  columns.sort(([left], [right]) => (left < right ? -1 : 1));
  return encoder.encode(JSON.stringify(columns.map(([column, value]) => [column, ...shared(value)])));
}

/** A value in a form that all engines share: large integers come as texts from some, truth values as numbers. */
function shared(value: unknown): readonly string[] {
  if (value === null || value === undefined) return [];
  if (value instanceof Uint8Array) return ['bytes', hexOf(value)];
  if (typeof value === 'boolean') return ['text', value ? '1' : '0'];
  if (value instanceof Date) return ['text', value.toISOString()];
  if (typeof value === 'object') return ['text', JSON.stringify(value)];
  // Of negative zero, which not every engine keeps, the text is 0.
  return ['text', `${value as string | number | bigint}`];
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function unsettled(
  projection: string,
  details: { readonly pendingUnits?: number; readonly deadLetters?: number },
): ViewUnsettledError {
  const { pendingUnits, deadLetters } = details;
  const why =
    pendingUnits !== undefined
      ? `${pendingUnits} of its units are pending: wait until the server has them, or follow what is confirmed`
      : deadLetters !== undefined
        ? `${deadLetters} events could not be handled: settle its dead letters`
        : 'it is still to be made of what is confirmed: let its runner catch up';
  return new ViewUnsettledError(`The view of the projection ${projection} is not what others have. ${why}.`, {
    details: { projection, ...details },
  });
}
