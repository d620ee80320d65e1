/**
 * What is written through one connection to a database, for those who keep what they have read.
 *
 * Not what another connection or another process writes into the same file: SQLite tells of that to nobody.
 *
 * @module
 */
import { InterfaceError } from '../errors.js';
import { noting } from '../serial/noted-unit.js';
import type { UnitOfWork } from '../serial/unit-of-work.js';
import { ANY_CHANGES, ChangeFeed } from '../store-changes.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { toPlainPlaceholders } from './sqlite-placeholders.js';

const READS = /^\s*(?:SELECT|VALUES|EXPLAIN)\b/i;
const WRITES_ROWS = /^\s*(?:INSERT|REPLACE|UPDATE|DELETE|WITH)\b/i;
/** More than one statement, or a literal that looks so. */
const IS_SEVERAL = /;\s*\S/;
const MAIN = 0;

const feeds = new WeakMap<SqliteDatabase, SqliteChanges>();

/** Of a database that nobody lends: always the same one. */
export function changesOfDatabase(database: SqliteDatabase): SqliteChanges {
  if (database.sharedWith !== undefined) return changesOfDatabase(database.sharedWith);
  const known = feeds.get(database);
  if (known !== undefined) return known;
  const changes = new SqliteChanges(database);
  feeds.set(database, changes);
  return changes;
}

/** Tells what was written by statements: each says by its plan what it writes, through triggers and foreign keys, too. */
export class SqliteChanges extends ChangeFeed {
  readonly #database: SqliteDatabase;

  /** @param database - lent */
  constructor(database: SqliteDatabase) {
    super();
    this.#database = database;
    database.onClosed?.(() => this.end(new InterfaceError('The database is closed.')));
  }

  /** Units after which is told what was noted in them. */
  of(unit: UnitOfWork): UnitOfWork {
    return noting(unit, this);
  }

  /** A statement of the caller's is about to run. */
  noteStatement(sql: string): void {
    if (READS.test(sql) && !IS_SEVERAL.test(sql)) return;
    this.note(this.isHeard ? { tables: this.#writtenBy(sql), aggregates: [] } : ANY_CHANGES);
  }

  #writtenBy(sql: string): readonly string[] | undefined {
    // Of several statements at once only the first has a plan.
    if (!WRITES_ROWS.test(sql) || IS_SEVERAL.test(sql)) return undefined;
    try {
      const plan = this.#rows(`EXPLAIN ${toPlainPlaceholders(sql).sql}`);
      const schema = this.#rows('SELECT rootpage, tbl_name FROM sqlite_schema');
      const names = new Map(schema.map(([root, name]) => [root, String(name)]));
      const written = plan.flatMap(([, opcode, p1, p2, p3]) => {
        if (opcode === 'OpenWrite' && p3 === MAIN) return [names.get(p2 ?? null)];
        if (opcode === 'Clear' && p2 === MAIN) return [names.get(p1 ?? null)];
        return opcode === 'VUpdate' ? [undefined] : [];
      });
      return written.every((name) => name !== undefined) ? [...new Set(written)] : undefined;
    } catch {
      // The statement says itself what is wrong with it.
      return undefined;
    }
  }

  #rows(sql: string): ReturnType<ReturnType<SqliteDatabase['prepare']>['all']> {
    const statement = this.#database.prepare(sql);
    try {
      return statement.all([]);
    } finally {
      statement.free();
    }
  }
}
