/**
 * What rows of the caller's own tables were before a transaction changed them, so that they can be put back.
 *
 * Temporary triggers beside those of `change-capture.ts` note each row as it was, or that there was none; of each key the
 * first note counts. Without foreign keys nothing else changes a row than the statement that names it, so that the notes are
 * in their order.
 *
 * @module
 */
import { NotSupportedError, ProgrammingError } from '../../errors.js';
import type { RenamedTables } from '../../rebase-transaction.js';
import { statementsOf } from '../sqlite-connection.js';
import type { SqliteDatabase } from '../sqlite-driver.js';
import { quoted } from '../sqlite-schema.js';
import { exactColumns, quotedColumn, toExactRow } from './exact-values.js';
import { RecentStatements } from '../recent-statements.js';
import { replayRows } from './row-replay.js';
import { decodeTableChanges, encodeTableChanges, joinTableChanges } from './table-changes.js';
import type { ExactRow, ExactValue, TableChange } from './table-changes.js';
import type { TableLayout } from './table-layout.js';

/** The images of one database. */
export class RowImages {
  readonly #database: SqliteDatabase;
  readonly #statements: RecentStatements;

  /** @param database - lent */
  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = new RecentStatements(database);
  }

  /** Notes what the rows of a table are, whenever one changes. Where capturing is prepared. */
  watch(layout: TableLayout, whenActive: string): void {
    const { table } = layout;
    const columns = columnsOf(layout);
    const before = beforeTable(table);
    const was = `INSERT INTO ${before} VALUES (1, ${columns.map((column) => `OLD.${quotedColumn(column)}`).join(', ')});`;
    const keys = layout.keyColumns.map((column) => `NEW.${quotedColumn(column)}`);
    const nulls = layout.valueColumns.map(() => 'NULL');
    const wasNone = `INSERT INTO ${before} VALUES (0, ${[...keys, ...nulls].join(', ')});`;
    const trigger = (event: string, body: string): string =>
      `CREATE TEMP TRIGGER ${quoted(`daybook_before_${event}_${table}`)} AFTER ${event} ON main.${quoted(table)}
       ${whenActive} BEGIN ${body} END;`;
    this.#database
      .exec(`CREATE TEMP TABLE ${before} (existed, ${columns.map((_column, index) => `c${index}`).join(', ')});
      ${trigger('INSERT', wasNone)}
      ${trigger('DELETE', was)}
      ${trigger('UPDATE', `${was} ${wasNone}`)}`);
  }

  /**
   * @returns what was noted of tables since the last time, for {@link RowImages.putBack}; undefined when nothing was
   */
  take(layouts: readonly TableLayout[]): Uint8Array | undefined {
    const changes = layouts.flatMap((layout) => this.#read(layout));
    return changes.length === 0 ? undefined : joinTableChanges([encodeTableChanges(changes)]);
  }

  /** Forgets what was noted of tables. */
  clear(layouts: readonly TableLayout[]): void {
    for (const { table } of layouts) this.#statements.prepare(`DELETE FROM temp.${beforeTable(table)}`).run([]);
  }

  putBack(images: Uint8Array, renamed: RenamedTables): void {
    for (const change of decodeTableChanges(images)) {
      if (change.kind !== 'rows') continue;
      replayRows(this.#statements, { ...change, table: renamed[change.table] ?? change.table });
    }
  }

  /** @throws NotSupportedError (`NOT_SUPPORTED`) when a row of a table changes others, or others change it */
  assertAlone(tables: readonly string[]): void {
    const statements = statementsOf(this.#database);
    for (const table of tables) {
      const isThere = statements.all("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?", [table]);
      if (isThere.length === 0) throw new ProgrammingError(`There is no table ${JSON.stringify(table)}.`);
      const keys = statements.all(
        `SELECT s.name FROM main.sqlite_schema AS s CROSS JOIN pragma_foreign_key_list(s.name) AS k
          WHERE s.type = 'table' AND (s.name = ?1 OR k."table" = ?1 COLLATE NOCASE)`,
        [table],
      );
      if (keys.length > 0) throw hasForeignKey(table);
    }
  }

  #read(layout: TableLayout): TableChange[] {
    const { table, keyColumns, valueColumns } = layout;
    const names = columnsOf(layout).map((_column, index) => `c${index}`);
    const sql = `SELECT b.existed, ${exactColumns('b', names)} FROM temp.${beforeTable(table)} AS b ORDER BY b.rowid`;
    const seen = new Set<string>();
    const gone: ExactRow[] = [];
    const rows: ExactRow[] = [];
    for (const [existed, ...exact] of this.#statements.prepare(sql).all([])) {
      const row = toExactRow(exact);
      const key = row.slice(0, keyColumns.length);
      const text = JSON.stringify(key.map(keyText));
      if (seen.has(text)) continue;
      seen.add(text);
      if (existed === 0) gone.push(key);
      else rows.push(row);
    }
    this.#statements.prepare(`DELETE FROM temp.${beforeTable(table)}`).run([]);
    return seen.size === 0 ? [] : [{ kind: 'rows', table, keyColumns, valueColumns, gone, rows }];
  }
}

function columnsOf({ keyColumns, valueColumns }: TableLayout): readonly string[] {
  return [...keyColumns, ...valueColumns];
}

function beforeTable(table: string): string {
  return quoted(`daybook_before_${table}`);
}

function keyText(exact: ExactValue): string {
  if (exact.type === 'null') return '';
  const isBytes = exact.type === 'text' || exact.type === 'blob';
  return `${exact.type} ${isBytes ? exact.value.join() : String(exact.value)}`;
}

function hasForeignKey(table: string): NotSupportedError {
  return new NotSupportedError(
    `A foreign key is of the table ${table}, or refers to it, so that its rows cannot be put back one by one. Leave the foreign key out, or have the view made anew (\`follows: 'rebuild'\`).`,
    { details: { reason: 'foreign-key', table } },
  );
}
