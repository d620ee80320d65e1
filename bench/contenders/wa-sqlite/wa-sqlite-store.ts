/**
 * wa-sqlite's JSPI build, over any of its file systems.
 *
 * @module
 */
import createModule from '@livestore/wa-sqlite/dist/wa-sqlite-jspi.mjs';
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
import type {
  WaSqliteModule,
  WaSqliteRow,
  WaSqliteValue,
  WaSqliteVfs,
  WaSqliteVfsClass,
} from './wa-sqlite-database.js';

/** As fast as this engine goes: statements prepared once, one multi-row statement and no `BEGIN` for each commit. */
export class WaSqliteStore implements Contender {
  readonly #vfsClass: WaSqliteVfsClass;
  readonly #pragmas: readonly string[];
  #module: Promise<WaSqliteModule> | undefined;
  #vfs: WaSqliteVfs | undefined;
  #database: WaSqliteDatabase | undefined;

  /** @param pragmas - statements for every connection, beside what makes a commit durable */
  constructor(vfsClass: WaSqliteVfsClass, pragmas: readonly string[] = []) {
    this.#vfsClass = vfsClass;
    this.#pragmas = pragmas;
  }

  async open(name: string): Promise<void> {
    // One module for all rounds, so that its compiled code stays warm, as that of the other contenders does.
    this.#module ??= createModule({ locateFile: (file) => `/${file}` });
    const module = await this.#module;
    const vfs = await this.#vfsClass.create(name, module);
    module.vfs_register(vfs, false);
    this.#vfs = vfs;
    this.#database = await WaSqliteDatabase.open(module, name, vfs);
    for (const sql of ['PRAGMA synchronous = FULL', ...this.#pragmas, CONTENDER_TABLES_SQL]) {
      await this.#database.run(sql);
    }
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
