/**
 * What a statement writes, asked of SQLite: its plan names every table and index that it opens for writing, also through
 * triggers and foreign keys. To parse SQL well enough for that would be to write SQLite again.
 *
 * @module
 */
import { isReservedName, reserved } from './own-statement.js';
import { statementsOf } from '../sqlite-connection.js';
import type { SqliteDatabase, SqliteRow } from '../sqlite-driver.js';

// More texts than an application uses by turns.
const KNOWN_MAX = 500;
const SEQUENCES = 'sqlite_sequence';
const MAIN = 0;

/** One step of a plan. */
interface Step {
  readonly address: number;
  readonly opcode: string;
  readonly operands: readonly [number, number, number];
}

/** Looks at statements before they are run. */
export class WriteGuard {
  readonly #database: SqliteDatabase;
  /** Whether a text writes. It does or does not whatever the schema, and names that are reserved stay so. */
  readonly #known = new Map<string, boolean>();

  /** @param database - lent */
  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /**
   * @param sql - one statement that reads or writes rows
   * @returns whether it writes
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it would write what is not the caller's
   */
  check(sql: string): boolean {
    const known = this.#known.get(sql);
    if (known !== undefined) return known;
    const steps = this.#plan(sql);
    const writes = steps.some(({ opcode, operands }) => opcode === 'Transaction' && operands[1] > 0);
    if (writes) this.#assertOwn(steps);
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(sql, writes);
    return writes;
  }

  #plan(sql: string): Step[] {
    const statement = this.#database.prepare(`EXPLAIN ${sql}`);
    try {
      return statement.all([]).map(stepOf);
    } finally {
      statement.free();
    }
  }

  #assertOwn(steps: readonly Step[]): void {
    const written = this.#writtenTables(steps);
    for (const name of written) {
      // Whoever inserts into a table with AUTOINCREMENT writes the sequences too; but nobody writes them alone.
      if (name === SEQUENCES && written.size > 1) continue;
      if (isReservedName(name)) throw reserved(name);
    }
  }

  #writtenTables(steps: readonly Step[]): ReadonlySet<string> {
    const names = this.#namesByRoot();
    const written = new Set<string>();
    // The programs of triggers follow the statement's own, each counted from 0: those of the capture write elsewhere.
    const ownEnd = steps.findIndex(({ address }, index) => index > 0 && address === 0);
    steps.forEach((step, index) => {
      const opened = openedForWriting(step);
      if (opened === undefined) return;
      if (opened.database === MAIN) written.add(names.get(opened.root) ?? 'sqlite_schema');
      else if (ownEnd === -1 || index < ownEnd) written.add('daybook_capture');
    });
    return written;
  }

  #namesByRoot(): ReadonlyMap<number, string> {
    const rows = statementsOf(this.#database).all('SELECT rootpage, tbl_name FROM main.sqlite_schema', []);
    return new Map([[1, 'sqlite_schema'], ...rows.map(([root, name]) => [root as number, name as string] as const)]);
  }
}

function stepOf([address, opcode, p1, p2, p3]: SqliteRow): Step {
  return {
    address: address as number,
    opcode: opcode as string,
    operands: [p1 as number, p2 as number, p3 as number],
  };
}

function openedForWriting({
  opcode,
  operands,
}: Step): { readonly root: number; readonly database: number } | undefined {
  const [p1, p2, p3] = operands;
  if (opcode === 'OpenWrite') return { root: p2, database: p3 };
  if (opcode === 'Clear') return { root: p1, database: p2 };
  // Of a virtual table nobody can say what it writes: there is none, and none is let through.
  if (opcode === 'VUpdate') return { root: 1, database: MAIN };
  return undefined;
}
