/**
 * The warehouse's books as somebody with the database's address sees them: plain SQL, past all of Daybook's own code.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { ItemCountedData, ItemSteppedData } from '../../../demo/stock-events.js';
import { expect } from './patient-expect.js';

/** One row of the events table. */
export interface BooksEvent {
  readonly notificationId: number;
  readonly originatorId: string;
  readonly originatorVersion: number;
  readonly topic: string;
  readonly data: Partial<ItemCountedData & ItemSteppedData>;
}

/** Something that holds writers up until it is let go. */
export interface WriterHold {
  release(): Promise<void>;
}

const GATE_KEY = 1;
// The trigger fires when everything is written and only the commit is missing.
const GATE_SQL = `
CREATE FUNCTION commit_gate() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_advisory_xact_lock_shared(${GATE_KEY}); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER commit_gate AFTER INSERT ON stockcount_events
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION commit_gate()`;

/** A database of one test's own. */
export class BooksDatabase {
  readonly url: string;
  readonly #serverUrl: string;
  readonly #name: string;
  readonly #client: pg.Client;

  private constructor(serverUrl: string, name: string) {
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    this.url = url.href;
    this.#serverUrl = serverUrl;
    this.#name = name;
    this.#client = new pg.Client(this.url);
    // A connection that breaks shows in the next question; unheard, it would end the whole run.
    this.#client.on('error', () => undefined);
  }

  /** @param serverUrl - of somebody who may create databases */
  static async create(serverUrl: string): Promise<BooksDatabase> {
    const database = new BooksDatabase(serverUrl, `e2e_${randomBytes(6).toString('hex')}`);
    await runAlone(serverUrl, `CREATE DATABASE ${database.#name}`);
    await database.#client.connect();
    return database;
  }

  /** Every event, in the order of the warehouse. */
  async events(): Promise<readonly BooksEvent[]> {
    const rows = await this.#query(
      `SELECT notification_id, originator_id, originator_version, topic, convert_from(state, 'UTF8')::json AS data
       FROM stockcount_events ORDER BY notification_id`,
    );
    return rows.map((row) => ({
      notificationId: Number(row['notification_id']),
      originatorId: String(row['originator_id']),
      originatorVersion: Number(row['originator_version']),
      topic: String(row['topic']),
      data: row['data'] as BooksEvent['data'],
    }));
  }

  /** How many events are in the units of each replica. */
  async eventsOfReplicas(): Promise<Readonly<Record<string, number>>> {
    const rows = await this.#query(
      `SELECT replica, sum(count) AS events FROM daybook_stockcount_units
       WHERE position IS NOT NULL GROUP BY replica`,
    );
    return Object.fromEntries(rows.map((row) => [String(row['replica']), Number(row['events'])]));
  }

  /** Lets no writer begin: each waits for the table. */
  async holdTable(): Promise<WriterHold> {
    return await this.#hold('BEGIN; LOCK TABLE stockcount_events IN EXCLUSIVE MODE');
  }

  /** Lets no writer finish: each waits inside its commit. */
  async holdCommits(): Promise<WriterHold> {
    const [known] = await this.#query("SELECT to_regproc('commit_gate') AS gate");
    if (known?.['gate'] === null) await this.#query(GATE_SQL);
    return await this.#hold(`SELECT pg_advisory_lock(${GATE_KEY})`);
  }

  /** Waits until a writer of the server is held up. */
  async waitForHeldWriter(): Promise<void> {
    await expect.poll(() => this.#heldWriters(), { message: 'a writer waits for the hold' }).toBeGreaterThan(0);
  }

  /** Waits until no connection of the server is at work: what a killed server began has ended, one way or the other. */
  async waitForQuiet(): Promise<void> {
    await expect.poll(() => this.#serverConnections(), { message: 'connections of the killed server' }).toBe(0);
  }

  async close(): Promise<void> {
    await this.#client.end();
    await runAlone(this.#serverUrl, `DROP DATABASE ${this.#name} WITH (FORCE)`);
  }

  async #heldWriters(): Promise<number> {
    return await this.#countActivity("wait_event_type = 'Lock'");
  }

  async #serverConnections(): Promise<number> {
    return await this.#countActivity('true');
  }

  async #countActivity(condition: string): Promise<number> {
    const [row] = await this.#query(
      `SELECT count(*) AS connections FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'daybook' AND ${condition}`,
    );
    return Number(row?.['connections']);
  }

  async #hold(sql: string): Promise<WriterHold> {
    const holder = new pg.Client(this.url);
    await holder.connect();
    await holder.query(sql);
    // A hold belongs to its connection, and goes with it.
    return { release: () => holder.end() };
  }

  async #query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return (await this.#client.query<Record<string, unknown>>(sql)).rows;
  }
}

async function runAlone(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
