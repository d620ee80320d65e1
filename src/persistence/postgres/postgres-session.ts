/**
 * Where a recorder's statements run: on any connection of a pool, or inside a transaction.
 *
 * @module
 */
import type { EventSourcingError } from '../../domain/errors.js';
import type { Begin } from '../heed-signal.js';
import { lastRows, select, withLast } from './postgres-driver.js';
import { literalsOf, withLiterals } from './inlined-statement.js';
import type {
  PlannableStatement,
  PostgresClient,
  PostgresPool,
  PostgresQueryable,
  PostgresResult,
  PostgresRow,
} from './postgres-driver.js';
import {
  commitError,
  isCatalogBusy,
  isConnectionLost,
  isNotSent,
  isRefusal,
  isSerializationFailure,
  postgresError,
} from './postgres-errors.js';

/** What is sent on the connection of a commit after it, before anybody hears of it. When it fails, the commit counts. */
export type AfterCommit = (connection: PostgresQueryable) => Promise<void>;

/** What belongs to a write beside its statements. */
export interface WriteOptions {
  /** Run after them, in the same message. Its plan may be kept. */
  readonly last?: PlannableStatement | undefined;
  /** Done once for a transaction, however many writes of it ask for the same. */
  readonly afterCommit?: AfterCommit | undefined;
  /** Called when there is a connection, before anything is sent on it; what it throws ends the write. */
  readonly begin?: Begin | undefined;
}

/** Runs a recorder's statements. Rejects with Daybook's errors; the server's own is their `cause`. */
export interface PostgresSession {
  /** @throws InterfaceError (`INTERFACE_ERROR`) when it has ended, for calls that have nothing to run */
  assertOpen(): void;
  /** Runs one statement that only reads. */
  read(text: string, values: unknown[]): Promise<readonly PostgresRow[]>;
  /**
   * Runs statements, without parameters and separated by semicolons, all or none. One round trip.
   *
   * @returns the rows of the last statement that gave any
   */
  write(statements: string, options?: WriteOptions): Promise<readonly PostgresRow[]>;
}

// A pool may hold connections that the server closed, one for each attempt in the worst case, because they end one by
// one and each is only found out by using it. More than a pool usually holds; with none left, the server is the problem.
const STALE_CONNECTIONS_MAX = 20;

/**
 * Statements on whichever connection is free, each call a transaction of its own.
 *
 * ```text
 * connect ─▶ statements in one message ─▶ release
 *                  ├─ refused by the server: rolled back by it ─▶ release
 *                  ├─ rolled back because of another transaction ─▶ release, again
 *                  ├─ nothing was sent, the connection was gone ─▶ release(error), again on another connection
 *                  └─ anything else ─▶ release(error); a read whose connection is gone: again; a write: outcome unknown
 * ```
 */
export class PoolSession implements PostgresSession {
  readonly #pool: PostgresPool;
  readonly #openingSql: string;

  /** @param openingSql - what each transaction begins with, without a semicolon at the end; empty for nothing */
  constructor(pool: PostgresPool, openingSql = '') {
    this.#pool = pool;
    this.#openingSql = openingSql;
  }

  assertOpen(): void {
    // Its end is that of the pool, which says so itself.
  }

  async read(text: string, values: unknown[]): Promise<readonly PostgresRow[]> {
    const opening = this.#openingSql;
    return await this.#run(
      (client) => (opening === '' ? select(client, text, values) : selectOpened(client, opening, { text, values })),
      isConnectionLost,
      postgresError,
    );
  }

  /** @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` when the connection broke meanwhile */
  async write(statements: string, { last, afterCommit, begin }: WriteOptions = {}): Promise<readonly PostgresRow[]> {
    const opened = this.#openingSql === '' ? statements : `${this.#openingSql};\n${statements}`;
    return await this.#run(
      // Several statements in one message are one transaction, which the server ends itself.
      async (client) => lastRows(await queryWith(client, opened, last)),
      (error) => isNotSent(error) || isSerializationFailure(error),
      commitError,
      { afterCommit: afterCommit === undefined ? [] : [afterCommit], begin },
    );
  }

  /** As `write`, for a statement that may have done something though the server has ended it: never repeated. */
  async once(statement: string): Promise<void> {
    await this.#run(async (client) => lastRows(await queryWith(client, statement, undefined)), isNotSent, commitError);
  }

  /** As `write`, for statements that may be carried out twice: repeated also when nobody knows whether they were. */
  async ensure(statements: string): Promise<readonly PostgresRow[]> {
    const mayRepeat = (error: unknown): boolean => isConnectionLost(error) || isCatalogBusy(error);
    return await this.#run(async (client) => lastRows(await client.query(statements)), mayRepeat, postgresError);
  }

  async #run(
    work: (client: PostgresClient) => Promise<readonly PostgresRow[]>,
    mayRepeat: (error: unknown) => boolean,
    toError: (error: unknown) => EventSourcingError,
    { afterCommit, begin }: { readonly afterCommit: readonly AfterCommit[]; readonly begin: Begin | undefined } = {
      afterCommit: [],
      begin: undefined,
    },
  ): Promise<readonly PostgresRow[]> {
    for (let attempts = 1; ; attempts++) {
      const client = await lendClient(this.#pool);
      assertBegun(client, begin);
      try {
        const rows = await work(client);
        releaseAfter(client, afterCommit);
        return rows;
      } catch (thrown) {
        const error = toError(thrown);
        // After anything but a refusal, nobody knows what the connection is doing.
        client.release(isRefusal(thrown) ? undefined : error);
        if (!mayRepeat(thrown) || attempts >= STALE_CONNECTIONS_MAX) throw error;
      }
    }
  }
}

/** Gives a connection back, as good as it was, to a write that is not begun any more. */
function assertBegun(client: PostgresClient, begin: Begin | undefined): void {
  try {
    begin?.();
  } catch (error) {
    client.release();
    throw error;
  }
}

/**
 * Selects rows in a transaction that begins with other statements: in one message, for which the values are written out;
 * where that cannot be, in several.
 */
async function selectOpened(
  client: PostgresClient,
  opening: string,
  { text, values }: { readonly text: string; readonly values: readonly unknown[] },
): Promise<readonly PostgresRow[]> {
  const literals = literalsOf(values);
  if (literals === undefined) return await selectApart(client, opening, { text, values });
  const inline = (): string => withLiterals(text, literals);
  if (values.length === 0) return lastRows(await client.query(`${opening};\n${text}`));
  const last = { text, types: values.map(() => 'unknown'), values: literals, inline };
  return lastRows(await queryWith(client, opening, last));
}

async function selectApart(
  client: PostgresClient,
  opening: string,
  { text, values }: { readonly text: string; readonly values: readonly unknown[] },
): Promise<readonly PostgresRow[]> {
  await client.query(`BEGIN;\n${opening}`);
  try {
    const rows = lastRows(await client.query(text, [...values]));
    await client.query('COMMIT');
    return rows;
  } catch (error) {
    // What is no refusal ends the connection, and the transaction with it.
    if (isRefusal(error)) await client.query('ROLLBACK');
    throw error;
  }
}

async function queryWith(
  client: PostgresClient,
  statements: string,
  last: PlannableStatement | undefined,
): Promise<PostgresResult> {
  if (last === undefined) return await client.query(statements);
  return await (client.queryPlanned?.(statements, last) ?? client.query(withLast(statements, last.inline())));
}

/**
 * Gives a connection back after what is to be done on it; or closes it, when that failed. Sent before this returns, so
 * that whoever ends now has said it; the answer is waited for by the connection alone, not by who committed.
 */
export function releaseAfter(client: PostgresClient, works: Iterable<AfterCommit>): void {
  void (async () => {
    let failure: EventSourcingError | undefined;
    for (const work of works) await work(client).catch((error: unknown) => (failure = postgresError(error)));
    client.release(failure);
  })();
}

// Without a listener, a connection of `pg` that breaks while it is lent would end the process. The statement that it
// carried rejects as well, which is how its user hears of it; who sends the next one is only told that it is gone.
const lastWords = new WeakMap<PostgresClient, { error?: unknown }>();

/** Lends a connection, also when the pool tries one that has gone. */
export async function lendClient(pool: PostgresPool): Promise<PostgresClient> {
  for (let attempts = 1; ; attempts++) {
    try {
      const client = await pool.connect();
      listenToErrors(client);
      return client;
    } catch (error) {
      if (!isConnectionLost(error) || attempts >= STALE_CONNECTIONS_MAX) throw postgresError(error);
    }
  }
}

/** What a connection that is gone said last, while it was lent; undefined when it said nothing. */
export function lastWordOf(client: PostgresClient): unknown {
  return lastWords.get(client)?.error;
}

function listenToErrors(client: PostgresClient): void {
  if (lastWords.has(client)) return;
  const last: { error?: unknown } = {};
  lastWords.set(client, last);
  // The first is the reason; that the stream has ended comes after it.
  client.on?.('error', (error) => (last.error ??= error));
}

/** Lends a connection on which the opening statements ran; on another one when the first had gone. */
export async function openClient(pool: PostgresPool, statements: string): Promise<PostgresClient> {
  for (let attempts = 1; ; attempts++) {
    const client = await lendClient(pool);
    try {
      await client.query(statements);
      return client;
    } catch (thrown) {
      const error = postgresError(thrown);
      client.release(error);
      if (!isConnectionLost(thrown) || attempts >= STALE_CONNECTIONS_MAX) throw error;
    }
  }
}
