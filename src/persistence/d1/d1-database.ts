/**
 * What is used of Cloudflare's D1, by shape: nothing of theirs is imported, and their types fit.
 *
 * @module
 */

/** What a statement gave. */
export interface D1Answer {
  readonly results: readonly unknown[];
  readonly meta: { readonly last_row_id: number };
}

/** A statement, perhaps with its values. */
export interface D1Statement {
  bind(...values: unknown[]): D1Statement;
  all(): Promise<D1Answer>;
}

/** Reads in their order, from whichever copy of the database is new enough; writes go to the primary. */
export interface D1Session {
  prepare(query: string): D1Statement;
  /** Runs all statements in one transaction. */
  batch(statements: D1Statement[]): Promise<D1Answer[]>;
  getBookmark(): string | null;
}

/** `env.DB` of a Worker with a D1 binding. */
export interface D1Source {
  withSession(constraintOrBookmark?: string): D1Session;
}
