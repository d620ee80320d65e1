/**
 * PGlite, PostgreSQL compiled to Wasm, as it keeps its files in IndexedDB.
 *
 * All files are in memory. Before a query resolves, be it a reading, it looks at each of them, and those that were changed
 * are written to IndexedDB, whole and in one transaction, whose durability it does not name.
 *
 * @module
 */
import { PGlite, types } from '@electric-sql/pglite';
import type { Notification, StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import {
  COUNT_EVENTS_SQL,
  INSERT_EVENTS_SQL,
  SELECT_AGGREGATE_SQL,
  SELECT_PAGE_SQL,
  TABLES_SQL,
} from './pglite/pglite-schema.js';

const HEX_PREFIX = '\\x';
// A segment of PostgreSQL's log is a file, so each commit writes one: 1 MB here, where it would be 16 MB.
const SEGMENT_OPTION = '--wal-segsize=1';

type Row = readonly [number, string, number, string, Uint8Array];

class PgliteIdb implements Contender {
  #database: PGlite | undefined;

  async open(name: string): Promise<void> {
    this.#database = await PGlite.create({
      dataDir: `idb://${name}`,
      initDbStartParams: [SEGMENT_OPTION],
      // Its own go through bytes one by one, and through BigInt.
      serializers: { [types.BYTEA]: (bytes: Uint8Array) => HEX_PREFIX + bytes.toHex() },
      parsers: {
        [types.BYTEA]: (text) => Uint8Array.fromHex(text.slice(HEX_PREFIX.length)),
        [types.INT8]: Number,
      },
    });
    await this.#database.exec(TABLES_SQL);
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    await this.#opened().query(INSERT_EVENTS_SQL, [
      events.map(({ originatorId }) => originatorId),
      events.map(({ originatorVersion }) => originatorVersion),
      events.map(({ topic }) => topic),
      events.map(({ state }) => state),
    ]);
  }

  selectEvents(originatorId: string): Promise<readonly StoredEvent[]> {
    return this.#read(SELECT_AGGREGATE_SQL, [originatorId]);
  }

  selectNotifications(start: number, limit: number): Promise<readonly Notification[]> {
    return this.#read(SELECT_PAGE_SQL, [start, limit]);
  }

  async count(): Promise<number> {
    const { rows } = await this.#opened().query<{ count: number }>(COUNT_EVENTS_SQL);
    return rows[0]?.count ?? 0;
  }

  async close(): Promise<void> {
    await this.#opened().close();
  }

  async #read(sql: string, values: unknown[]): Promise<readonly Notification[]> {
    const { rows } = await this.#opened().query<Row>(sql, values, { rowMode: 'array' });
    return rows.map(([id, originatorId, originatorVersion, topic, state]) => ({
      id,
      originatorId,
      originatorVersion,
      topic,
      state,
    }));
  }

  #opened(): PGlite {
    if (this.#database === undefined) throw new Error('not open');
    return this.#database;
  }
}

hostJobs(new PgliteIdb());
