/**
 * Plans that the connections of a pool keep: to plan a small statement takes longer than to carry it out.
 *
 * | | how | where a proxy gives each transaction another connection |
 * |---|---|---|
 * | reads | by a name in the protocol, which `pg` prepares and remembers | the proxy may keep them itself |
 * | writes | `PREPARE`, once, and then `EXECUTE` in the message that takes the lock | not possible: found out once, left alone from then on |
 *
 * @module
 */
import type { PoolClient } from 'pg';
import { PreparedNames } from './prepared-names.js';
import type { PlannableStatement, PostgresClient, PostgresResult } from './postgres-driver.js';
import { withLast } from './postgres-driver.js';
import { isRefusal, sqlStateOf } from './postgres-errors.js';

// A table has other columns than when the plan was made. The other two are of proxies that give each transaction another
// connection: a statement is not there, or is there already.
const PLAN_CHANGED = '0A000';
const PLAN_STATES: ReadonlySet<string> = new Set([PLAN_CHANGED, '26000', '42P05']);
// Why a plan cannot be made at present: somebody changes the table, took too long, or has not created it yet.
const LATER_STATES: ReadonlySet<string | undefined> = new Set(['55P03', '57014', '42P01']);
// Nobody who writes waits for a plan: it waits as it was told to, by its own statements.
const PATIENCE_MS = 100;

/** Keeps plans for reads and writes, and stops where they are of no use. */
export class KeptPlans {
  readonly #names = new PreparedNames();
  /** The names of writes that a connection has carried out once, or prepared. */
  readonly #writes = new WeakMap<PoolClient, Map<string, 'done' | 'prepared'>>();
  #keepsReads: boolean;
  #keepsWrites: boolean;

  /** @param isWanted - whether connections may know of names */
  constructor(isWanted: boolean) {
    this.#keepsReads = isWanted;
    this.#keepsWrites = isWanted;
  }

  /** The methods of a connection that keep plans. */
  of(client: PoolClient): Required<Pick<PostgresClient, 'queryPrepared' | 'queryPlanned'>> {
    return {
      queryPrepared: (text, values) => this.#read(client, text, values),
      queryPlanned: (statements, last) => this.#write(client, statements, last),
    };
  }

  async #read(client: PoolClient, text: string, values: unknown[]): Promise<PostgresResult> {
    const name = this.#keepsReads ? this.#names.nameOf(text) : undefined;
    if (name === undefined) return await client.query({ text, values });
    try {
      return await client.query({ name, text, values });
    } catch (error) {
      const sqlState = this.#giveUp(name, error);
      if (sqlState === undefined) throw error;
      if (sqlState !== PLAN_CHANGED) this.#keepsReads = false;
      // In a transaction it is in vain, and its error is that of the transaction; otherwise it tells what was wrong.
      return await client.query({ text, values });
    }
  }

  async #write(client: PoolClient, statements: string, last: PlannableStatement): Promise<PostgresResult> {
    const name = this.#keepsWrites ? this.#names.nameOf(last.text) : undefined;
    if (name === undefined) return await client.query(withLast(statements, last.inline()));
    if (!(await this.#isPrepared(client, name, last))) return await client.query(withLast(statements, last.inline()));
    try {
      return await client.query(withLast(statements, `EXECUTE ${name} (${last.values.join(', ')})`));
    } catch (error) {
      // What is no refusal may have been carried out.
      const sqlState = isRefusal(error) ? this.#giveUp(name, error) : undefined;
      if (sqlState === undefined) throw error;
      if (sqlState !== PLAN_CHANGED) this.#keepsWrites = false;
      return await client.query(withLast(statements, last.inline()));
    }
  }

  /** Whether a connection has a plan, or has made it now: in a message of its own, so that it is known to be there. */
  async #isPrepared(client: PoolClient, name: string, { text, types }: PlannableStatement): Promise<boolean> {
    const writes = this.#writes.get(client) ?? new Map<string, 'done' | 'prepared'>();
    this.#writes.set(client, writes);
    if (writes.get(name) === 'prepared') return true;
    if (!writes.has(name)) {
      // A connection that is used once is not worth a plan.
      writes.set(name, 'done');
      return false;
    }
    try {
      await client.query(`SET LOCAL lock_timeout = ${PATIENCE_MS}; PREPARE ${name} (${types.join(', ')}) AS ${text}`);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (!LATER_STATES.has(sqlStateOf(error))) this.#keepsWrites = false;
      return false;
    }
    writes.set(name, 'prepared');
    return true;
  }

  /** @returns the state of an error that is about a plan, whose name is not used any more then */
  #giveUp(name: string, error: unknown): string | undefined {
    const sqlState = sqlStateOf(error) ?? '';
    if (!PLAN_STATES.has(sqlState)) return undefined;
    this.#names.renew(name);
    return sqlState;
  }
}
