/**
 * SQLite's own Wasm build on files of the origin private file system, held open in a pool: the fastest that it offers.
 *
 * @module
 */
import initSqlite from '@sqlite.org/sqlite-wasm';
import type { OpfsSAHPoolDatabase, PreparedStatement, SAHPoolUtil, SqlValue } from '@sqlite.org/sqlite-wasm';
import type { Notification, StoredEvent } from '../../src/persistence/stored-event.js';
import { bytesToUuid, uuidToBytes } from '../../src/util/uuid-bytes.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import {
  CONTENDER_TABLES_SQL,
  COUNT_EVENTS_SQL,
  SELECT_AGGREGATE_SQL,
  SELECT_PAGE_SQL,
  insertEventsSql,
} from './contender-schema.js';

class SqliteOpfs implements Contender {
  #pool: Promise<SAHPoolUtil> | undefined;
  #database: OpfsSAHPoolDatabase | undefined;
  readonly #statements = new Map<string, PreparedStatement>();

  async open(name: string): Promise<void> {
    this.#pool ??= initSqlite().then((sqlite) => sqlite.installOpfsSAHPoolVfs({ initialCapacity: 12 }));
    const pool = await this.#pool;
    this.#database = new pool.OpfsSAHPoolDb(`/${name}`);
    // WAL needs shared memory, or a connection that nobody shares the file with.
    this.#database.exec('PRAGMA locking_mode = exclusive; PRAGMA journal_mode = wal; PRAGMA synchronous = FULL');
    this.#database.exec(CONTENDER_TABLES_SQL);
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    const values = events.flatMap((event): SqlValue[] => [
      uuidToBytes(event.originatorId),
      event.originatorVersion,
      event.topic,
      event.state,
    ]);
    this.#prepare(insertEventsSql(events.length)).bind(values).stepReset();
  }

  async selectEvents(originatorId: string): Promise<readonly StoredEvent[]> {
    return this.#read(SELECT_AGGREGATE_SQL, [uuidToBytes(originatorId)]);
  }

  async selectNotifications(start: number, limit: number): Promise<readonly Notification[]> {
    return this.#read(SELECT_PAGE_SQL, [start, limit]);
  }

  async count(): Promise<number> {
    return this.#opened().selectValue(COUNT_EVENTS_SQL) as number;
  }

  async close(): Promise<void> {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    this.#opened().close();
  }

  async clear(): Promise<void> {
    await (await this.#pool)?.wipeFiles();
  }

  #read(sql: string, values: SqlValue[]): Notification[] {
    const statement = this.#prepare(sql).bind(values);
    const rows: Notification[] = [];
    while (statement.step()) rows.push(toNotification(statement.get([])));
    statement.reset();
    return rows;
  }

  #prepare(sql: string): PreparedStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#opened().prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #opened(): OpfsSAHPoolDatabase {
    if (this.#database === undefined) throw new Error('not open');
    return this.#database;
  }
}

function toNotification([id, originatorId, originatorVersion, topic, state]: SqlValue[]): Notification {
  return {
    id: id as number,
    originatorId: bytesToUuid(originatorId as Uint8Array),
    originatorVersion: originatorVersion as number,
    topic: topic as string,
    state: state as Uint8Array,
  };
}

hostJobs(new SqliteOpfs());
