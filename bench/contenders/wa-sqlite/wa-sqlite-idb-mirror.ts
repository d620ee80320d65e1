/**
 * wa-sqlite with IDBMirrorVFS: all pages in memory, each changed page written to IndexedDB at every commit.
 *
 * @module
 */
import createModule from '@livestore/wa-sqlite/dist/wa-sqlite-jspi.mjs';
import { IDBMirrorVFS } from '@livestore/wa-sqlite/src/examples/IDBMirrorVFS.js';
import type { Notification, StoredEvent } from '../../../src/persistence/stored-event.js';
import { bytesToUuid, uuidToBytes } from '../../../src/util/uuid-bytes.js';
import type { Contender } from '../../runner/contender.js';
import {
  CONTENDER_TABLES_SQL,
  COUNT_EVENTS_SQL,
  SELECT_AGGREGATE_SQL,
  SELECT_PAGE_SQL,
  insertEventsSql,
} from '../contender-schema.js';
import { WaSqliteDatabase } from './wa-sqlite-database.js';
import type { WaSqliteModule, WaSqliteRow, WaSqliteValue, WaSqliteVfs } from './wa-sqlite-database.js';

/** As fast as this engine goes: statements prepared once, one multi-row statement and no `BEGIN` for each commit. */
export class WaSqliteIdbMirror implements Contender {
  #module: Promise<WaSqliteModule> | undefined;
  #vfs: WaSqliteVfs | undefined;
  #database: WaSqliteDatabase | undefined;

  async open(name: string): Promise<void> {
    // One module for all rounds, so that its compiled code stays warm, as that of the other contenders does.
    this.#module ??= createModule({ locateFile: (file) => `/${file}` });
    const module = await this.#module;
    const vfs = await IDBMirrorVFS.create(name, module);
    module.vfs_register(vfs, false);
    this.#vfs = vfs;
    this.#database = await WaSqliteDatabase.open(module, name, vfs);
    await this.#database.run('PRAGMA synchronous = FULL');
    await this.#database.run(CONTENDER_TABLES_SQL);
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    const values = events.flatMap((event): WaSqliteValue[] => [
      uuidToBytes(event.originatorId),
      event.originatorVersion,
      event.topic,
      event.state,
    ]);
    await this.#opened().run(insertEventsSql(events.length), values);
  }

  count(): Promise<number> {
    return this.#opened().integer(COUNT_EVENTS_SQL);
  }

  selectEvents(originatorId: string): Promise<readonly StoredEvent[]> {
    return this.#opened().rows(SELECT_AGGREGATE_SQL, [uuidToBytes(originatorId)], toNotification);
  }

  selectNotifications(start: number, limit: number): Promise<readonly Notification[]> {
    return this.#opened().rows(SELECT_PAGE_SQL, [start, limit], toNotification);
  }

  async close(): Promise<void> {
    await this.#opened().close();
    await this.#vfs?.close();
  }

  #opened(): WaSqliteDatabase {
    if (this.#database === undefined) throw new Error('not open');
    return this.#database;
  }
}

function toNotification(row: WaSqliteRow): Notification {
  return {
    id: row.integer(0),
    originatorId: bytesToUuid(row.bytes(1)),
    originatorVersion: row.integer(2),
    topic: row.text(3),
    state: row.bytes(4),
  };
}
