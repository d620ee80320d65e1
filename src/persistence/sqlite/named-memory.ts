/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Databases of sql.js in memory that have a name: whoever opens the same one in the same thread has the same database.
 *
 * ```text
 * opened by a first one ──▶ open, by n of them ──the last one closes──▶ gone, and the name is free
 * ```
 *
 * Each is given a database of its own to close. Behind them there is one connection, whose turns, transactions and changes
 * all of them share: so what one writes in a transaction, another one sees when it is committed, and not before.
 *
 * @module
 */
import { InterfaceError } from '../errors.js';
import type { OpenedSqliteDatabase, SqliteRow, SqliteStatement, SqliteValue } from './sqlite-driver.js';
import type { SqlJsImageDatabase } from './sqljs-database.js';
import { tellingClose } from './told-close.js';

/** `memory:` and a name, or SQLite's own form of it. */
const NAMED = /^(?:memory:(?<name>[\w.-]+)|file:(?<uri>[\w.-]+)\?mode=memory&cache=shared)$/;
const OWN = new Set([':memory:', 'memory:', 'file::memory:?mode=memory&cache=shared']);

interface Shared {
  readonly opening: Promise<SqlJsImageDatabase>;
  users: number;
}

const databases = new Map<string, Shared>();

/**
 * What a name of a database in memory says.
 *
 * @returns the name that it is shared under; empty for one of one's own; `undefined` when it is none of a database in memory
 */
export function nameInMemory(databaseName: string): string | undefined {
  if (OWN.has(databaseName)) return '';
  const { groups } = NAMED.exec(databaseName) ?? {};
  return groups?.['name'] ?? groups?.['uri'];
}

/**
 * Opens what has a name, by making it where nobody has.
 *
 * @throws what making it throws; the name is free then
 */
export async function openNamed(
  name: string,
  make: () => Promise<SqlJsImageDatabase>,
): Promise<SqlJsImageDatabase & OpenedSqliteDatabase> {
  const shared = databases.get(name) ?? { opening: make(), users: 0 };
  databases.set(name, shared);
  shared.users++;
  const leave = (): boolean => {
    const isLast = --shared.users === 0;
    if (isLast && databases.get(name) === shared) databases.delete(name);
    return isLast;
  };
  try {
    const database = await shared.opening;
    return tellingClose(
      new NamedDatabase(database, () => {
        if (leave()) database.close();
      }),
    );
  } catch (error) {
    leave();
    throw error;
  }
}

/** One of those who have the database open. */
class NamedDatabase implements SqlJsImageDatabase, OpenedSqliteDatabase {
  readonly batchesRows = true;
  readonly sharedWith: SqlJsImageDatabase;
  readonly #leave: () => void;
  #isClosed = false;

  constructor(sharedWith: SqlJsImageDatabase, leave: () => void) {
    this.sharedWith = sharedWith;
    this.#leave = leave;
  }

  get lockTimeoutMs(): number {
    return this.sharedWith.lockTimeoutMs as number;
  }

  exec(sql: string): void {
    this.#open().exec(sql);
  }

  prepare(sql: string): SqliteStatement {
    return new NamedStatement(this.#open().prepare(sql), () => void this.#open());
  }

  serialize(): Uint8Array {
    return this.#open().serialize();
  }

  restore(image: Uint8Array): void {
    this.#open().restore(image);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #open(): SqlJsImageDatabase {
    if (this.#isClosed) throw new InterfaceError('The database is closed.');
    return this.sharedWith;
  }
}

/** Of no use when its database was closed, though others still have it open. */
class NamedStatement implements SqliteStatement {
  readonly #statement: SqliteStatement;
  readonly #assertOpen: () => void;

  constructor(statement: SqliteStatement, assertOpen: () => void) {
    this.#statement = statement;
    this.#assertOpen = assertOpen;
  }

  run(parameters: readonly SqliteValue[]): void {
    this.#assertOpen();
    this.#statement.run(parameters);
  }

  all(parameters: readonly SqliteValue[]): SqliteRow[] {
    this.#assertOpen();
    return this.#statement.all(parameters);
  }

  columnNames(): readonly string[] {
    this.#assertOpen();
    return this.#statement.columnNames();
  }

  free(): void {
    this.#statement.free();
  }
}
