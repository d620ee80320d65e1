/**
 * Rows of a table, taken to another table and compared with what is there: a few at a time, in the order of their key, as
 * texts that say the same on every server.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import type { SqlQueryable, SqlRow } from '../../persistence/sql/sql-queryable.js';
import { chainHash } from '../log/chain-hash.js';

// Rows may be large: the first few say how large, and then as many are read as this is about.
const ROWS_FIRST = 20;
const ROWS_MAX = 2_000;
const BATCH_LENGTH = 4 * 1_048_576;
const CURSOR = 'daybook_copied';

/** A column, as SQL. */
export interface CopiedColumn {
  readonly name: string;
  readonly type: string;
}

/** Rows of one side. */
export interface CopiedRows {
  readonly columns: readonly CopiedColumn[];
  /** What has them, as it stands behind `FROM`. */
  readonly from: string;
  /** What they are ordered by, which no two have. */
  readonly order: string;
}

/** How many rows there are, and a hash of all that is in them. */
export interface RowsDigest {
  readonly rows: number;
  readonly hash: string;
}

/**
 * The columns of a table that another one has as well.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is something in one that the other has not: it would be lost
 */
export async function sharedColumns(
  [source, here]: readonly [SqlQueryable, string],
  [target, there]: readonly [SqlQueryable, string],
): Promise<readonly CopiedColumn[]> {
  const [ours, theirs] = [await columnsOf(source, here), await columnsOf(target, there)];
  const names = new Set(theirs.map(({ name }) => name));
  const lost = ours.filter(({ name }) => !names.has(name));
  if (await hasFilled(source, here, lost)) throw noRoom(here, lost);
  return ours.filter(({ name }) => names.has(name));
}

/** Without those that say whose a row is, and those that are reckoned. */
async function columnsOf(sql: SqlQueryable, table: string): Promise<readonly CopiedColumn[]> {
  const { rows } = await sql.query(
    `SELECT quote_ident(attname) AS name, format_type(atttypid, atttypmod) AS type FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attname <> 'tenant_id'
     ORDER BY attname`,
    [table],
  );
  return rows.map(({ name, type }) => ({ name: String(name), type: String(type) }));
}

async function hasFilled(sql: SqlQueryable, table: string, columns: readonly CopiedColumn[]): Promise<boolean> {
  if (columns.length === 0) return false;
  const filled = columns.map(({ name }) => `${name} IS NOT NULL`).join(' OR ');
  const { rows } = await sql.query(`SELECT EXISTS (SELECT FROM ${table} WHERE ${filled}) AS has_some`);
  return rows[0]?.['has_some'] === true;
}

function noRoom(table: string, columns: readonly CopiedColumn[]): ProgrammingError {
  const names = columns.map(({ name }) => name).join(', ');
  return new ProgrammingError(
    `${table} has something in ${names}, and there are no such columns at the other place. Nothing was stored.`,
    { details: { table, columns: names } },
  );
}

/** Reads rows a batch at a time, within a transaction. */
async function* batchesOf(sql: SqlQueryable, { columns, from, order }: CopiedRows): AsyncGenerator<readonly SqlRow[]> {
  const shown = columns.map(({ name, type }) =>
    type === 'bytea' ? `encode(${name}, 'hex') AS ${name}` : `${name}::text AS ${name}`,
  );
  const ordered = `SELECT * FROM ${from} ORDER BY ${order}`;
  await sql.query(`DECLARE ${CURSOR} NO SCROLL CURSOR FOR SELECT ${shown.join(', ')} FROM (${ordered}) AS r`);
  let count = ROWS_FIRST;
  for (;;) {
    const { rows } = await sql.query(`FETCH ${count} FROM ${CURSOR}`);
    if (rows.length === 0) break;
    yield rows;
    const length = rows.reduce((sum, row) => sum + lengthOf(row), 0);
    count = Math.max(1, Math.min(ROWS_MAX, Math.floor((BATCH_LENGTH * rows.length) / length)));
  }
  await sql.query(`CLOSE ${CURSOR}`);
}

/** Where rows are taken. */
export interface CopiedInto {
  readonly table: string;
  readonly columns: readonly CopiedColumn[];
  /** Told how many there are by now. */
  readonly onRows: (rows: number) => void;
}

/** Takes rows to a table of another connection; both in transactions. @returns how many */
export async function copyRows(
  source: SqlQueryable,
  rows: CopiedRows,
  target: SqlQueryable,
  { table, columns, onRows }: CopiedInto,
): Promise<number> {
  const names = columns.map(({ name }) => name).join(', ');
  const values = columns.map(({ type }, index) =>
    type === 'bytea' ? `decode(n.c${index}, 'hex')` : `n.c${index}::${type}`,
  );
  const arrays = columns.map((_, index) => `$${index + 1}::text[]`).join(', ');
  const places = columns.map((_, index) => `c${index}`).join(', ');
  const insert = `INSERT INTO ${table} (${names}) SELECT ${values.join(', ')} FROM unnest(${arrays}) AS n (${places})`;
  let count = 0;
  for await (const batch of batchesOf(source, rows)) {
    await target.query(
      insert,
      rows.columns.map(({ name }) => batch.map((row) => row[plain(name)] ?? null)),
    );
    count += batch.length;
    onRows(count);
  }
  return count;
}

/** Reads the rows of both sides in turns, so that neither connection is idle for long. */
export async function digestBoth(
  one: readonly [SqlQueryable, CopiedRows],
  other: readonly [SqlQueryable, CopiedRows],
  onRows: (rows: number) => void,
): Promise<readonly [RowsDigest, RowsDigest]> {
  const sides = [one, other].map(([sql, rows]) => new DigestReading(sql, rows));
  while (sides.some(({ isOver }) => !isOver)) {
    for (const side of sides) await side.next();
    onRows(sides[0]?.digest.rows ?? 0);
  }
  return sides.map(({ digest }) => digest) as unknown as readonly [RowsDigest, RowsDigest];
}

class DigestReading {
  isOver = false;
  digest: RowsDigest = { rows: 0, hash: '' };
  readonly #names: readonly string[];
  readonly #batches: AsyncGenerator<readonly SqlRow[]>;

  constructor(sql: SqlQueryable, rows: CopiedRows) {
    this.#names = rows.columns.map(({ name }) => plain(name));
    this.#batches = batchesOf(sql, rows);
  }

  async next(): Promise<void> {
    if (this.isOver) return;
    const next = await this.#batches.next();
    if (next.done === true) {
      this.isOver = true;
      return;
    }
    let { rows, hash } = this.digest;
    for (const row of next.value) {
      const text = JSON.stringify([hash, ...this.#names.map((name) => row[name] ?? null)]);
      hash = chainHash(new TextEncoder().encode(text));
      rows++;
    }
    this.digest = { rows, hash };
  }
}

/** Without its quotes. */
function plain(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

function lengthOf(row: SqlRow): number {
  return Object.values(row).reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 1), 1);
}
