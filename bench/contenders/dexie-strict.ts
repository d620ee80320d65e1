/**
 * Dexie, a library over IndexedDB: one record per event, and a unique index to read by.
 *
 * @module
 */
import { Dexie } from 'dexie';
import type { Table } from 'dexie';
import type { Notification, StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';

const POSITIONS = '[originatorId+originatorVersion]';

class DexieStrict implements Contender {
  #database: Dexie | undefined;

  async open(name: string): Promise<void> {
    // Without the option it leaves the durability to the browser, and Chromium's default is relaxed.
    const database = new Dexie(name, { chromeTransactionDurability: 'strict' });
    database.version(1).stores({ events: `++id, &${POSITIONS}` });
    await database.open();
    this.#database = database;
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    // A transaction of its own, all or nothing; resolves when that is complete.
    await this.#events().bulkAdd(events);
  }

  selectEvents(originatorId: string): Promise<readonly StoredEvent[]> {
    return this.#events()
      .where(POSITIONS)
      .between([originatorId, Dexie.minKey], [originatorId, Dexie.maxKey])
      .toArray();
  }

  selectNotifications(start: number, limit: number): Promise<readonly Notification[]> {
    return this.#events().where('id').aboveOrEqual(start).limit(limit).toArray();
  }

  count(): Promise<number> {
    return this.#events().count();
  }

  async close(): Promise<void> {
    this.#opened().close();
  }

  /** What is added has no id yet. */
  #events(): Table<Notification, number, StoredEvent> {
    return this.#opened().table('events');
  }

  #opened(): Dexie {
    if (this.#database === undefined) throw new Error('not open');
    return this.#database;
  }
}

hostJobs(new DexieStrict());
