/**
 * Wires a store inside the worker: sql.js, the journal, the durable recorder, and the channel between tabs.
 *
 * @module
 */
import { transfer } from 'comlink';
import type { HostOpenOptions, HostStoreInfo, StoreHost } from '../src/client/store-host.js';
import { InterfaceError } from '../src/persistence/errors.js';
import { packEvents, packNotifications, unpackEvents } from '../src/persistence/event-batch.js';
import { DurableRecorder } from '../src/persistence/indexeddb/durable-recorder.js';
import { IndexedDbJournal } from '../src/persistence/indexeddb/indexeddb-journal.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../src/persistence/recorder.js';
import { SqliteReplica } from '../src/persistence/sqlite/sqlite-replica.js';
import { openSqlJs } from '../src/persistence/sqlite/sqljs-driver.js';
import type { NotificationId, OriginatorId, Tracking } from '../src/persistence/stored-event.js';
import { HeadChannel } from './head-channel.js';

/** Implements {@link StoreHost} on the real thing. */
export class StoreWorker implements StoreHost {
  #opening: Promise<HostStoreInfo> | undefined;
  #recorder: DurableRecorder | undefined;
  #channel: HeadChannel | undefined;
  #listener: (() => void) | undefined;

  open(options: HostOpenOptions): Promise<HostStoreInfo> {
    if (this.#opening !== undefined) return Promise.reject(new InterfaceError('This worker has opened its store.'));
    this.#opening = this.#open(options);
    return this.#opening;
  }

  async insertEvents(packedEvents: Uint8Array, tracking: Tracking | undefined): Promise<readonly NotificationId[]> {
    return this.#opened().insertEvents(unpackEvents(packedEvents), {
      packedEvents,
      ...(tracking === undefined ? {} : { tracking }),
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): Promise<Uint8Array> {
    return transferred(packEvents(await this.#opened().selectEvents(originatorId, options)));
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<Uint8Array> {
    return transferred(packNotifications(await this.#opened().selectNotifications(options)));
  }

  async maxNotificationId(): Promise<NotificationId> {
    return this.#opened().maxNotificationId();
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    return this.#opened().maxTrackingId(applicationName);
  }

  onRecorded(listener: () => void): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    await this.#recorder?.close();
    this.#channel?.close();
  }

  async #open({ name, wasmUrl, aliveLockName }: HostOpenOptions): Promise<HostStoreInfo> {
    const holdsAliveLock = await holdLock(aliveLockName);
    const newIdentity = { replicaId: crypto.randomUUID(), createdAtMs: Date.now() };
    const [database, journal] = await Promise.all([
      openSqlJs({ wasmUrl: wasmUrl ?? new URL('./sql-wasm.wasm', import.meta.url).href }),
      IndexedDbJournal.open({ name, newIdentity }),
    ]);
    const replica = new SqliteReplica(database);
    replica.createTables();
    // Listening starts before the journal is read: a record that is written meanwhile is hinted at, not missed.
    let hinted = 0;
    const channel = new HeadChannel(name, (position) => {
      hinted = Math.max(hinted, position);
      this.#recorder?.noteHead(position);
    });
    this.#channel = channel;
    this.#recorder = await DurableRecorder.open({
      replica,
      journal,
      onApplied: (position, own) => {
        if (own) channel.post(position);
        this.#listener?.();
      },
    });
    this.#recorder.noteHead(hinted);
    return { replicaId: journal.identity.replicaId, holdsAliveLock };
  }

  #opened(): DurableRecorder {
    if (this.#recorder === undefined) throw new InterfaceError('The store is not open.');
    return this.#recorder;
  }
}

function transferred(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  return transfer(bytes, [bytes.buffer]);
}

/** Holds a Web Lock until this worker dies. Resolves when it is held; false where there are no Web Locks. */
function holdLock(name: string): Promise<boolean> {
  // Absent in insecure contexts, whatever the types say.
  const locks = navigator.locks as LockManager | undefined;
  if (locks === undefined) return Promise.resolve(false);
  return new Promise((resolve, reject) => {
    locks
      .request(name, () => {
        resolve(true);
        return new Promise<never>(() => undefined);
      })
      .catch(reject);
  });
}
