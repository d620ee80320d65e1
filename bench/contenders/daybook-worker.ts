/**
 * Daybook as its worker runs it, without the way from and to the main thread.
 *
 * @module
 */
import { DurableRecorder } from '../../src/persistence/indexeddb/durable-recorder.js';
import { IndexedDbJournal } from '../../src/persistence/indexeddb/indexeddb-journal.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteReplica } from '../../src/persistence/sqlite/sqlite-replica.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { HeadChannel } from '../../worker/head-channel.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';

class DaybookWorker implements Contender {
  #database: SqliteDatabase | undefined;
  #recorder: DurableRecorder | undefined;
  #channel: HeadChannel | undefined;

  async open(name: string): Promise<void> {
    const newIdentity = { replicaId: crypto.randomUUID(), createdAtMs: Date.now() };
    const [database, journal] = await Promise.all([
      openSqlJs({ wasmUrl: '/sql-wasm.wasm' }),
      IndexedDbJournal.open({ name, newIdentity }),
    ]);
    const replica = new SqliteReplica(database);
    replica.createTables();
    const channel = new HeadChannel(name, (position) => this.#recorder?.noteHead(position));
    this.#recorder = await DurableRecorder.open({
      replica,
      journal,
      onApplied: (position, own) => {
        if (own) channel.post(position);
      },
    });
    this.#database = database;
    this.#channel = channel;
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    await this.#recorder?.insertEvents(events);
  }

  async count(): Promise<number> {
    // Nothing is ever deleted and ids have no gaps, so the last id is the count.
    return (await this.#recorder?.maxNotificationId()) ?? 0;
  }

  async close(): Promise<void> {
    await this.#recorder?.close();
    this.#channel?.close();
    this.#database?.close();
  }
}

hostJobs(new DaybookWorker());
