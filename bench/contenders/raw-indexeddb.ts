/**
 * IndexedDB with nothing on top: one record per event under a generated key, no index, nothing checked.
 * The floor: less than a store of events needs, at the same durability.
 *
 * @module
 */
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import { completionOf, resultOf } from './indexeddb-promises.js';

class RawIndexedDb implements Contender {
  #database: IDBDatabase | undefined;

  async open(name: string): Promise<void> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('events', { autoIncrement: true });
    this.#database = await resultOf(opening);
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    const transaction = this.#opened().transaction('events', 'readwrite', { durability: 'strict' });
    const store = transaction.objectStore('events');
    // No listener on each request: an error aborts the transaction, and that is listened to.
    for (const event of events) store.add(event);
    transaction.commit();
    await completionOf(transaction);
  }

  count(): Promise<number> {
    return resultOf(this.#opened().transaction('events').objectStore('events').count());
  }

  async close(): Promise<void> {
    this.#opened().close();
  }

  #opened(): IDBDatabase {
    if (this.#database === undefined) throw new Error('not open');
    return this.#database;
  }
}

hostJobs(new RawIndexedDb());
