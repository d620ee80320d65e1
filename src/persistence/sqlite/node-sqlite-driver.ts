/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The one door to `node:sqlite`: SQLite in Node, on a file or in memory.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { NotSupportedError, OperationalError, ProgrammingError } from '../errors.js';
import { checkedMs, FOREIGN_MS_MAX, validateInteger } from '../validation.js';
import { LOCK_TIMEOUT_MS_DEFAULT, retryWhileLocked } from '../serial/lock-retry.js';
import { steppedUnit } from '../serial/unit-of-work.js';
import type { UnitOfWork } from '../serial/unit-of-work.js';
import type { OpenedSqliteDatabase, SqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import { attempt } from './sqlite-errors.js';
import { tellingClose } from './told-close.js';

// What of node:sqlite is used here, by shape: browsers have no such types, and bundlers must not look for the module.
interface NodeStatement {
  run(...parameters: readonly SqliteValue[]): unknown;
  all(...parameters: readonly SqliteValue[]): unknown[];
  columns(): readonly { readonly name: string }[];
  setReturnArrays(enabled: boolean): void;
}
interface NodeDatabase {
  readonly isOpen: boolean;
  exec(sql: string): void;
  prepare(sql: string): NodeStatement;
  close(): void;
}
interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options: { readonly timeout: number; readonly readOnly?: boolean },
  ) => NodeDatabase;
}

/** Options of {@link openNodeSqlite}. */
export interface OpenNodeSqliteOptions {
  /**
   * The file, made if it is missing; or `:memory:` for a database of one's own; or
   * `file:name?mode=memory&cache=shared` for one that all connections of this process share under its name.
   */
  readonly path: string;
  /** Milliseconds to wait for another connection. @defaultValue 5,000 */
  readonly lockTimeoutMs?: number;
  /**
   * How many connections to a file may read beside the one that writes, 0 to 100: so many reading transactions
   * (`transaction(work, { writer: false })`) at once, and reads that do not wait for the end of a transaction. Each is opened
   * when it is needed. In memory there are none.
   *
   * @defaultValue 4
   */
  readonly readers?: number;
}

const READERS_DEFAULT = 4;
// Each is a file descriptor, or three.
const READERS_MAX = 100;

/**
 * Opens a database of `node:sqlite`. A file is switched to write-ahead logging (WAL), so that readers and a writer do
 * not wait for each other, with `synchronous = FULL`: a commit that has resolved survives a power cut.
 *
 * @example
 * ```ts
 * using database = await openNodeSqlite({ path: 'events.sqlite' });
 * const recorder = new SqliteProcessRecorder(database);
 * await recorder.createTable();
 * ```
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the time to wait, or the number of readers, is none
 * @throws NotSupportedError (`NOT_SUPPORTED`) when this is not Node, or its version is below 22.16
 * @throws OperationalError (`OPERATIONAL_ERROR`) when the file cannot be opened, or stays locked
 */
export async function openNodeSqlite(options: OpenNodeSqliteOptions): Promise<OpenedSqliteDatabase> {
  const { path, lockTimeoutMs = LOCK_TIMEOUT_MS_DEFAULT, readers = READERS_DEFAULT } = options;
  const timeout = Math.ceil(checkedMs('lockTimeoutMs', lockTimeoutMs, { max: FOREIGN_MS_MAX }));
  if (typeof path !== 'string') throw new ProgrammingError('path must be a text: the path of a file, or :memory:.');
  validateInteger('readers', readers, 0);
  if (readers > READERS_MAX)
    throw new ProgrammingError(`readers must be ${READERS_MAX} at the most, but is ${readers}.`);
  const { DatabaseSync } = nodeSqlite();
  const database = attempt(() => new DatabaseSync(path, { timeout }));
  try {
    if (!isInMemory(path)) {
      await retryWhileLocked(() => attempt(() => makeDurable(database)), { lockTimeoutMs, clock: systemClock });
    }
    const opened = new NodeSqliteDatabase(database, timeout);
    if (readers === 0 || isInMemory(path)) return tellingClose(opened);
    const openReader = (): SqliteDatabase =>
      new NodeSqliteDatabase(
        attempt(() => new DatabaseSync(path, { timeout, readOnly: true })),
        timeout,
        readingUnit,
      );
    return tellingClose(Object.assign(opened, { openReader, readersMax: readers }));
  } catch (error) {
    database.close();
    throw error;
  }
}

function nodeSqlite(): NodeSqlite {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  const module = process?.getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined;
  if (module !== undefined) return module;
  throw new NotSupportedError('There is no node:sqlite here: it takes Node 22.16 or newer. sql.js runs everywhere.');
}

function isInMemory(path: string): boolean {
  return path === ':memory:' || path.startsWith('file::memory:') || /^file:.*[?&]mode=memory/.test(path);
}

/** Write-ahead logging stays with the file; it is asked for only when it is new there, because that takes every lock. */
function makeDurable(database: NodeDatabase): void {
  database.exec('PRAGMA synchronous = FULL');
  if (pragma(database, 'journal_mode') === 'wal') return;
  const mode = pragma(database, 'journal_mode = WAL');
  if (mode === 'wal') return;
  throw new OperationalError(`The file cannot be switched to write-ahead logging: it stays at ${mode}.`, {
    details: { journalMode: mode },
  });
}

function pragma(database: NodeDatabase, sql: string): string {
  const [row] = database.prepare(`PRAGMA ${sql}`).all() as Record<string, string>[];
  return row?.['journal_mode'] ?? 'unknown';
}

class NodeSqliteDatabase implements OpenedSqliteDatabase {
  readonly lockTimeoutMs: number;
  readonly unit: UnitOfWork;
  readonly #database: NodeDatabase;

  constructor(database: NodeDatabase, lockTimeoutMs: number, makeUnit = writingUnit) {
    this.#database = database;
    this.lockTimeoutMs = lockTimeoutMs;
    this.unit = makeUnit(this, lockTimeoutMs);
  }

  exec(sql: string): void {
    attempt(() => this.#database.exec(sql));
  }

  prepare(sql: string): SqliteStatement {
    return new NodeSqliteStatement(attempt(() => this.#database.prepare(sql)));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/**
 * SQLite's own waiting blocks the thread: good for the caller's own SQL, which cannot wait otherwise, and wrong for a
 * recorder, which can. It is off while a transaction begins, and once it has begun there is nothing to wait for.
 */
function writingUnit(database: SqliteDatabase, lockTimeoutMs: number): UnitOfWork {
  return unitBy(database, 'BEGIN IMMEDIATE', (begin) => {
    // Not prepared: SQLite obeys this pragma when it compiles it.
    database.exec('PRAGMA busy_timeout = 0');
    try {
      begin();
    } finally {
      database.exec(`PRAGMA busy_timeout = ${lockTimeoutMs}`);
    }
  });
}

/** What it reads is of the moment of its beginning: SQLite itself waits for the first thing that is read. */
function readingUnit(database: SqliteDatabase): UnitOfWork {
  const first = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1');
  return unitBy(database, 'BEGIN', (begin) => {
    begin();
    first.all([]);
  });
}

function unitBy(database: SqliteDatabase, beginSql: string, begin: (begin: () => void) => void): UnitOfWork {
  const [beginning, commit, rollback] = [beginSql, 'COMMIT', 'ROLLBACK'].map((sql) => database.prepare(sql)) as [
    SqliteStatement,
    SqliteStatement,
    SqliteStatement,
  ];
  return steppedUnit({
    begin: () => begin(() => beginning.run([])),
    commit: () => commit.run([]),
    rollback: () => rollback.run([]),
  });
}

class NodeSqliteStatement implements SqliteStatement {
  readonly #statement: NodeStatement;

  constructor(statement: NodeStatement) {
    statement.setReturnArrays(true);
    this.#statement = statement;
  }

  run(parameters: readonly SqliteValue[]): void {
    attempt(() => this.#statement.run(...parameters));
  }

  all(parameters: readonly SqliteValue[]): SqliteRow[] {
    return attempt(() => this.#statement.all(...parameters) as SqliteRow[]);
  }

  columnNames(): readonly string[] {
    return attempt(() => this.#statement.columns().map(({ name }) => name));
  }

  free(): void {
    // Node frees a statement when it is no longer referred to, and all of them when the database is closed.
  }
}
