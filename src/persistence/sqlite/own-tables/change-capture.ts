/**
 * Notes which rows of the caller's own tables a transaction touches, and reads what became of them.
 *
 * Temporary triggers write the key of every row that is inserted, updated or deleted to a temporary table, by whatever
 * statement, `REPLACE`, upsert or cascade of a foreign key. What is read at the end, or before the schema changes, is the
 * net effect: each touched key, and the row that it has now, or that it has none.
 *
 * Why keys and not the images of each change: SQLite runs the trigger of a row after what the row's change caused
 * elsewhere. A row that refers to itself, `ON UPDATE CASCADE`, is noted first as what it became last.
 *
 * All that is noted lies in temporary tables, so that savepoints and statements that fail take their part of it back:
 *
 * ```text
 * daybook_capture            one row: the version of the schema that the triggers are made for; whether they are active;
 *                            the tables whose rows are noted as they were, as JSON (row-images.ts)
 * daybook_layouts            the layout of each own table, as JSON
 * daybook_touched_<table>    the keys: k0, k1 …
 * daybook_changes            parts of the outcome that are final, in their order (table-changes.ts)
 * ```
 *
 * @module
 */
import type { RenamedTables } from '../../rebase-transaction.js';
import type { SqliteDatabase } from '../sqlite-driver.js';
import { exactColumns, toExactRow } from './exact-values.js';
import { quotedColumn } from './exact-values.js';
import { statementsOf } from '../sqlite-connection.js';
import { quoted } from '../sqlite-schema.js';
import type { SqliteStatements } from '../sqlite-statements.js';
import { encodeTableChanges, joinTableChanges } from './table-changes.js';
import type { RowsChange, TableChange } from './table-changes.js';
import { isReservedName } from './own-statement.js';
import { RecentStatements } from '../recent-statements.js';
import { RowImages } from './row-images.js';
import { readLayouts } from './table-layout.js';
import type { TableLayout } from './table-layout.js';

const HAS_CAPTURE = "SELECT 1 FROM temp.sqlite_schema WHERE name = 'daybook_capture'";
const WHEN_ACTIVE = 'WHEN (SELECT is_active FROM daybook_capture)';

/** Captures the changes of one transaction at a time, on one database. */
export class ChangeCapture {
  readonly #database: SqliteDatabase;
  readonly #statements: SqliteStatements;
  readonly #perTable: RecentStatements;
  readonly #images: RowImages;
  /** Tables whose rows are noted as they were. */
  readonly #kept = new Set<string>();
  /** What tables with `AUTOINCREMENT` had given when the transaction began. */
  #sequencesBefore: ReadonlyMap<string, string> = new Map();

  /** @param database - lent */
  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = statementsOf(database);
    this.#perTable = new RecentStatements(database);
    this.#images = new RowImages(database);
  }

  /** Makes the triggers for the schema as it is, if they are for another one. What is noted and not read is lost. */
  prepare(): void {
    const version = this.schemaVersion();
    const kept = JSON.stringify([...this.#kept]);
    if (this.#isPrepared(version, kept)) return;
    dropCapture(this.#database);
    this.#database.exec(`
      CREATE TEMP TABLE daybook_layouts (layout TEXT);
      CREATE TEMP TABLE daybook_capture (schema_version INTEGER, is_active INTEGER, kept TEXT)`);
    // Made once for a connection: what has become final is kept when the schema changes.
    this.#database.exec('CREATE TEMP TABLE IF NOT EXISTS daybook_changes (id INTEGER PRIMARY KEY, bytes BLOB)');
    for (const layout of readLayouts(this.#database)) this.#watch(layout);
    this.#statements.run('INSERT INTO temp.daybook_capture VALUES (?, 0, ?)', [version, kept]);
  }

  /**
   * Notes from now on what the rows of some tables are, whenever one changes; what was noted of them before is forgotten.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when foreign keys are of them, or refer to them
   */
  keepRows(tables: readonly string[]): void {
    const more = tables.filter((table) => !this.#kept.has(table));
    this.#images.assertAlone(more);
    for (const table of more) this.#kept.add(table);
    if (more.length > 0) {
      this.flush();
      this.prepare();
      this.#setActive();
    }
    this.#images.clear(this.#keptLayouts());
  }

  /** What the rows were that have changed since the last time; undefined when none has. */
  takeRows(): Uint8Array | undefined {
    return this.#images.take(this.#keptLayouts());
  }

  /** Puts rows back, which is a change as any other. */
  putBackRows(images: Uint8Array, renamed: RenamedTables): void {
    this.#images.putBack(images, renamed);
    this.#images.clear(this.#keptLayouts());
  }

  /** Begins to note. Inside of the transaction that is captured, whose end takes it back. */
  start(): void {
    this.#setActive();
    this.#sequencesBefore = new Map(this.#sequences().map(({ table, text }) => [table, text]));
  }

  /** Whether what happens is noted: false again when the transaction was taken back, also by SQLite itself. */
  isActive(): boolean {
    return this.#isThere() && this.#statements.number('SELECT is_active FROM temp.daybook_capture', []) === 1;
  }

  /** Notes that the schema was changed by a statement, and goes on with the schema as it is now. */
  noteSchema(sql: string): void {
    this.#keep([{ kind: 'schema', sql }]);
    // What the statement did to other tables, a cascade of a DROP TABLE for example.
    this.flush();
    this.prepare();
    this.#setActive();
  }

  /** Makes final what was noted of rows. Before the schema changes: rows are read, and later written, by the old one. */
  flush(): void {
    // Taken away for an ALTER TABLE, which touches no rows that are noted.
    if (!this.#isThere()) return;
    const changes = this.#layouts()
      .filter(({ table }) => this.#isTouched(table))
      .map((layout): TableChange => ({ kind: 'rows', ...this.#readRows(layout) }));
    if (changes.length > 0) this.#keep(changes);
  }

  /** @returns everything that has changed, as `decodeTableChanges` reads it; undefined when nothing has */
  take(): Uint8Array<ArrayBuffer> | undefined {
    this.flush();
    const parts = this.#statements
      .all('SELECT bytes FROM temp.daybook_changes ORDER BY id', [])
      .map(([bytes]) => bytes as Uint8Array);
    const sequences = this.#sequences();
    const hasMoved = sequences.some(({ table, text }) => this.#sequencesBefore.get(table) !== text);
    if (parts.length === 0 && !hasMoved) return undefined;
    // All of them: a table that was made anew may have come to the same number in another way.
    return joinTableChanges([...parts, encodeTableChanges(sequences.map(({ change }) => change))]);
  }

  /** Changes with every change of the schema, and goes back with the transaction that changed it. */
  schemaVersion(): number {
    return this.#statements.number('PRAGMA main.schema_version', []) ?? 0;
  }

  #isThere(): boolean {
    return this.#statements.all(HAS_CAPTURE, []).length > 0;
  }

  #isPrepared(version: number, kept: string): boolean {
    if (!this.#isThere()) return false;
    const sql = 'SELECT 1 FROM temp.daybook_capture WHERE schema_version = ? AND kept = ?';
    return this.#statements.number(sql, [version, kept]) !== undefined;
  }

  #keptLayouts(): TableLayout[] {
    return this.#kept.size === 0 ? [] : this.#layouts().filter(({ table }) => this.#kept.has(table));
  }

  #watch(layout: TableLayout): void {
    const { table, keyColumns } = layout;
    const touched = touchedTable(table);
    const keys = keyNames(layout);
    const valuesOf = (row: string): string => keyColumns.map((column) => `${row}.${quotedColumn(column)}`).join(', ');
    const differs = keyColumns
      .map((column) => `NEW.${quotedColumn(column)} IS NOT OLD.${quotedColumn(column)}`)
      .join(' OR ');
    const note = (row: string): string => `INSERT INTO ${touched} VALUES (${valuesOf(row)});`;
    const trigger = (event: string, body: string): string =>
      `CREATE TEMP TRIGGER ${quoted(`daybook_${event}_${table}`)} AFTER ${event} ON main.${quoted(table)}
       ${WHEN_ACTIVE} BEGIN ${body} END;`;
    // No unique index on the keys: a conflict clause of the statement that runs a trigger replaces the trigger's own.
    this.#database.exec(`CREATE TEMP TABLE ${touched} (${keys.join(', ')});
      ${trigger('INSERT', note('NEW'))}
      ${trigger('DELETE', note('OLD'))}
      ${trigger('UPDATE', `${note('OLD')} INSERT INTO ${touched} SELECT ${valuesOf('NEW')} WHERE ${differs};`)}`);
    this.#statements.run('INSERT INTO temp.daybook_layouts VALUES (?)', [JSON.stringify(layout)]);
    if (this.#kept.has(table)) this.#images.watch(layout, WHEN_ACTIVE);
  }

  #setActive(): void {
    this.#statements.run('UPDATE temp.daybook_capture SET is_active = 1', []);
  }

  // Not remembered here: a savepoint that is taken back would have to take back the memory too.
  #layouts(): TableLayout[] {
    return this.#statements
      .all('SELECT layout FROM temp.daybook_layouts ORDER BY rowid', [])
      .map(([layout]) => JSON.parse(layout as string) as TableLayout);
  }

  #isTouched(table: string): boolean {
    return this.#perTable.prepare(`SELECT 1 FROM temp.${touchedTable(table)} LIMIT 1`).all([]).length > 0;
  }

  #readRows(layout: TableLayout): RowsChange {
    const { table, keyColumns, valueColumns } = layout;
    const keys = keyNames(layout);
    const touched = `temp.${touchedTable(table)}`;
    // The table's column stands first: its collation decides.
    const isKey = keyColumns
      .map((column, index) => `t.${quotedColumn(column)} = k.${keys[index] as string}`)
      .join(' AND ');
    const rows = `SELECT DISTINCT ${exactColumns('t', [...keyColumns, ...valueColumns])}
      FROM (SELECT DISTINCT ${keys.join(', ')} FROM ${touched} ORDER BY ${keys.join(', ')}) AS k
      CROSS JOIN main.${quoted(table)} AS t ON ${isKey}`;
    const gone = `SELECT DISTINCT ${exactColumns('k', keys)} FROM ${touched} AS k
      WHERE NOT EXISTS (SELECT 1 FROM main.${quoted(table)} AS t WHERE ${isKey}) ORDER BY ${keys.join(', ')}`;
    const change = {
      table,
      keyColumns,
      valueColumns,
      gone: this.#perTable.prepare(gone).all([]).map(toExactRow),
      rows: this.#perTable.prepare(rows).all([]).map(toExactRow),
    };
    this.#perTable.prepare(`DELETE FROM ${touched}`).run([]);
    return change;
  }

  #keep(changes: readonly TableChange[]): void {
    this.#statements.run('INSERT INTO temp.daybook_changes (bytes) VALUES (?)', [encodeTableChanges(changes)]);
  }

  #sequences(): { readonly table: string; readonly text: string; readonly change: TableChange }[] {
    const sql = `SELECT s.name, ${exactColumns('s', ['seq'])} FROM main.sqlite_sequence AS s ORDER BY s.name`;
    return this.#statements
      .all(sql, [])
      .filter(([name]) => !isReservedName(name as string))
      .map(([name, ...exact]) => {
        const [value] = toExactRow(exact);
        const change: TableChange = { kind: 'sequence', table: name as string, value: value ?? { type: 'null' } };
        return { table: name as string, text: String(exact[1]), change };
      });
  }
}

/**
 * Takes the triggers away, and what was noted of rows: before the schema changes, because `ALTER TABLE` fails where a
 * trigger would not fit any more, and because a table has its name from its schema.
 */
export function dropCapture(database: SqliteDatabase): void {
  const sql = `SELECT type, name FROM temp.sqlite_schema
    WHERE type IN ('table', 'trigger') AND name LIKE 'daybook\\_%' ESCAPE '\\' AND name <> 'daybook_changes'
    ORDER BY type DESC`;
  for (const [type, name] of statementsOf(database).all(sql, [])) {
    database.exec(`DROP ${type as string} temp.${quoted(name as string)}`);
  }
}

function touchedTable(table: string): string {
  return quoted(`daybook_touched_${table}`);
}

function keyNames({ keyColumns }: TableLayout): string[] {
  return keyColumns.map((_column, index) => `k${index}`);
}
