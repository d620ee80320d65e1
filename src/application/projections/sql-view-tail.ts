/**
 * The tail of a view in SQL tables, with its bookkeeping beside it. Only in stores that are synchronised.
 *
 * ```text
 * projection_progress  projection, generation → how far the view is: the last number, its era, a position (`ViewProgress`)
 * projection_tails     projection, generation, place → a pending unit that is in the view, and what rows were before it;
 *                      NULL where that is not kept
 * ```
 *
 * @module
 */
import { NotSupportedError } from '../../persistence/errors.js';
import type { RebaseTransaction, RenamedTables } from '../../persistence/rebase-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { Following, TailEntry, ViewProgress, ViewTail } from './view-tail.js';

const CREATE_PROGRESS = `CREATE TABLE IF NOT EXISTS projection_progress (
  projection TEXT NOT NULL,
  generation BIGINT NOT NULL,
  confirmed BIGINT NOT NULL,
  era BIGINT NOT NULL,
  position BIGINT,
  PRIMARY KEY (projection, generation)
)`;

const CREATE_TAILS = `CREATE TABLE IF NOT EXISTS projection_tails (
  projection TEXT NOT NULL,
  generation BIGINT NOT NULL,
  place BIGINT NOT NULL,
  event_count BIGINT NOT NULL,
  edition TEXT NOT NULL,
  row_images BLOB,
  PRIMARY KEY (projection, generation, place)
)`;

const WHICH = 'projection = $1 AND generation = $2';
// What somebody has discarded does not count, whatever comes.
const NOT_DISCARDED = "status <> 'discarded'";
const NOTHING_CHANGED = new Uint8Array([0]);
// An era that no store has.
const TO_BE_MADE_ANEW = -1;

/** Which view it is the tail of. */
export interface SqlViewTailParts {
  readonly sql: SqlQueryable;
  readonly rebase: RebaseTransaction;
  readonly projection: string;
  readonly generation: number;
  /** What its tables are called. */
  readonly tables: readonly string[];
  /** What they were called, by what they are called now. */
  readonly renamed: RenamedTables;
  /** @defaultValue as it goes: `undo`, or `rebuild` where foreign keys are in the way */
  readonly following: Following | undefined;
}

/** Implements {@link ViewTail} in the transaction of a view. */
export class SqlViewTail implements ViewTail {
  readonly #parts: SqlViewTailParts;
  readonly #key: readonly [projection: string, generation: number];
  #keeps = false;

  constructor(parts: SqlViewTailParts) {
    this.#parts = parts;
    this.#key = [parts.projection, parts.generation];
  }

  /** Creates what is missing. */
  static async createTables(sql: SqlQueryable): Promise<void> {
    await sql.query(CREATE_PROGRESS);
    await sql.query(CREATE_TAILS);
  }

  async progress(): Promise<ViewProgress | undefined> {
    const { rows } = await this.#query(`SELECT confirmed, era, position FROM projection_progress WHERE ${WHICH}`);
    const [row] = rows;
    if (row === undefined) return undefined;
    const position = row['position'] === null ? undefined : Number(row['position']);
    return { confirmed: Number(row['confirmed']), era: Number(row['era']), position };
  }

  async setProgress({ confirmed, era, position }: ViewProgress): Promise<void> {
    await this.#query(
      `INSERT INTO projection_progress VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (projection, generation) DO UPDATE
        SET confirmed = excluded.confirmed, era = excluded.era, position = excluded.position`,
      [confirmed, era, position ?? null],
    );
  }

  async entries(): Promise<readonly TailEntry[]> {
    const { rows } = await this.#query(
      `SELECT place, event_count, edition FROM projection_tails WHERE ${WHICH} ORDER BY place`,
    );
    return rows.map((row) => ({
      place: Number(row['place']),
      count: Number(row['event_count']),
      edition: String(row['edition']),
    }));
  }

  async begin(): Promise<void> {
    const { rebase, tables, following } = this.#parts;
    if (following === 'rebuild') return;
    try {
      await rebase.keepRows(tables);
      this.#keeps = true;
    } catch (error) {
      if (following !== undefined || !(error instanceof NotSupportedError)) throw error;
    }
  }

  async add({ place, count, edition }: TailEntry): Promise<void> {
    const images = this.#keeps ? ((await this.#parts.rebase.takeRows()) ?? NOTHING_CHANGED) : null;
    await this.#query('INSERT INTO projection_tails VALUES ($1, $2, $3, $4, $5, $6)', [place, count, edition, images]);
  }

  async confirm(places: readonly NotificationId[]): Promise<void> {
    // They are its beginning.
    await this.#query(`DELETE FROM projection_tails WHERE ${WHICH} AND place <= $3`, [places.at(-1)]);
  }

  async takeBack(): Promise<boolean> {
    const { rebase, renamed } = this.#parts;
    const { rows } = await this.#query(`SELECT row_images FROM projection_tails WHERE ${WHICH} ORDER BY place DESC`);
    if (rows.some((row) => row['row_images'] === null)) return false;
    for (const row of rows) {
      const images = row['row_images'] as Uint8Array;
      if (images.length > NOTHING_CHANGED.length) await rebase.putBackRows(images, renamed);
    }
    // Their events are handled anew, if they are there: what failed of them may not fail then.
    await this.#query(
      `DELETE FROM projection_dead_letters WHERE ${WHICH} AND ${NOT_DISCARDED} AND EXISTS (SELECT 1 FROM projection_tails AS t
        WHERE t.projection = $1 AND t.generation = $2
          AND notification_id >= t.place AND notification_id < t.place + t.event_count)`,
    );
    await this.#query(`DELETE FROM projection_tails WHERE ${WHICH}`);
    return true;
  }

  async empty(): Promise<void> {
    // The last one first: it may refer to those before it.
    for (const table of [...this.#parts.tables].reverse()) await this.#parts.sql.query(`DELETE FROM ${table}`);
    await this.#query(`DELETE FROM projection_dead_letters WHERE ${WHICH} AND ${NOT_DISCARDED}`);
    for (const table of ['projection_tails', 'projection_progress'])
      await this.#query(`DELETE FROM ${table} WHERE ${WHICH}`);
  }

  #query(text: string, values: readonly unknown[] = []): ReturnType<SqlQueryable['query']> {
    return this.#parts.sql.query(text, [...this.#key, ...values]);
  }
}

/** Has a view made anew that has a tail: it was changed beside it. */
export async function spoilTail(sql: SqlQueryable, projection: string, generation: number): Promise<void> {
  await sql.query(
    `UPDATE projection_progress SET era = ${TO_BE_MADE_ANEW} WHERE ${WHICH}
      AND EXISTS (SELECT 1 FROM projection_tails AS t WHERE t.projection = $1 AND t.generation = $2)`,
    [projection, generation],
  );
}
