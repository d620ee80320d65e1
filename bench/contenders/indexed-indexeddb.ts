/**
 * IndexedDB as an event store would use it without SQLite: one record per event, and a unique index to read by.
 *
 * @module
 */
import type { Notification, StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import { completionOf, resultOf } from './indexeddb-promises.js';

class IndexedIndexedDb implements Contender {
  #database: IDBDatabase | undefined;

  async open(name: string): Promise<void> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => {
      const store = opening.result.createObjectStore('events', { keyPath: 'id', autoIncrement: true });
      store.createIndex('positions', ['originatorId', 'originatorVersion'], { unique: true });
    };
    this.#database = await resultOf(opening);
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    const transaction = this.#opened().transaction('events', 'readwrite', { durability: 'strict' });
    const store = transaction.objectStore('events');
    for (const event of events) store.add(event);
    transaction.commit();
    await completionOf(transaction);
  }

  async selectEvents(originatorId: string): Promise<readonly StoredEvent[]> {
    const index = this.#opened().transaction('events').objectStore('events').index('positions');
    // An array sorts after every number.
    const range = IDBKeyRange.bound([originatorId], [originatorId, []]);
    return (await resultOf(index.getAll(range))) as StoredEvent[];
  }

  async selectNotifications(start: number, limit: number): Promise<readonly Notification[]> {
    const store = this.#opened().transaction('events').objectStore('events');
    return (await resultOf(store.getAll(IDBKeyRange.lowerBound(start), limit))) as Notification[];
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

hostJobs(new IndexedIndexedDb());
