/**
 * What is used of Cloudflare's Durable Objects, by shape: nothing of theirs is imported, and their types fit.
 *
 * @module
 */

/** The rows of a statement, read once, from the first to the last. */
export interface ObjectCursor {
  readonly columnNames: string[];
  raw(): Iterable<readonly unknown[]>;
}

/** `ctx.storage` of a Durable Object with SQLite (`new_sqlite_classes`). */
export interface ObjectStorage {
  readonly sql: {
    /** Bytes of the database. */
    readonly databaseSize: number;
    exec(query: string, ...bindings: unknown[]): ObjectCursor;
  };
  transactionSync<T>(work: () => T): T;
  transaction<T>(work: () => Promise<T>): Promise<T>;
  getAlarm(): Promise<number | null>;
  setAlarm(scheduledTime: number): Promise<void>;
}

/** `ctx` of a Durable Object. */
export interface ObjectContext {
  readonly storage: ObjectStorage;
  blockConcurrencyWhile<T>(work: () => Promise<T>): Promise<T>;
}
