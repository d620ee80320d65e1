/**
 * What most users of sql.js do: the whole database, exported after every commit, into IndexedDB.
 *
 * @module
 */
import initSqlJs from 'sql.js';
import type { Database, SqlValue } from 'sql.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { uuidToBytes } from '../../src/util/uuid-bytes.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import { CONTENDER_TABLES_SQL, COUNT_EVENTS_SQL, insertEventsSql } from './contender-schema.js';
import { completionOf, resultOf } from './indexeddb-promises.js';

const IMAGE_KEY = 'image';

class SqlJsExport implements Contender {
  #images: IDBDatabase | undefined;
  #database: Database | undefined;

  async open(name: string): Promise<void> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('images');
    const images = await resultOf(opening);
    const image: unknown = await resultOf(images.transaction('images').objectStore('images').get(IMAGE_KEY));
    const sqlJs = await initSqlJs({ locateFile: () => '/sql-wasm.wasm' });
    this.#images = images;
    this.#database = new sqlJs.Database(image as Uint8Array | undefined);
    this.#database.run(CONTENDER_TABLES_SQL);
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    const { database, images } = this.#opened();
    const values = events.flatMap((event): SqlValue[] => [
      uuidToBytes(event.originatorId),
      event.originatorVersion,
      event.topic,
      event.state,
    ]);
    // Not prepared once: export() frees every statement.
    database.run(insertEventsSql(events.length), values);
    const transaction = images.transaction('images', 'readwrite', { durability: 'strict' });
    transaction.objectStore('images').put(database.export(), IMAGE_KEY);
    transaction.commit();
    await completionOf(transaction);
  }

  async count(): Promise<number> {
    return this.#opened().database.exec(COUNT_EVENTS_SQL)[0]?.values[0]?.[0] as number;
  }

  async close(): Promise<void> {
    const { database, images } = this.#opened();
    database.close();
    images.close();
  }

  #opened(): { readonly database: Database; readonly images: IDBDatabase } {
    if (this.#database === undefined || this.#images === undefined) throw new Error('not open');
    return { database: this.#database, images: this.#images };
  }
}

hostJobs(new SqlJsExport());
