/**
 * Wires a store inside the worker: sql.js, the journal, the durable recorder, and the channel between tabs.
 *
 * @module
 */
import { transfer } from 'comlink';
import type {
  HostDeleteOptions,
  HostOpenOptions,
  HostReport,
  HostStoreInfo,
  StoreHost,
} from '../src/client/store-host.js';
import { encodeError } from '../src/domain/error-codec.js';
import { InterfaceError } from '../src/persistence/errors.js';
import { packEvents, packNotifications, unpackEvents } from '../src/persistence/event-batch.js';
import { BackgroundCheckpoints } from '../src/persistence/indexeddb/background-checkpoints.js';
import { Checkpoints } from '../src/persistence/indexeddb/checkpoints.js';
import { DurableRecorder } from '../src/persistence/indexeddb/durable-recorder.js';
import { IndexedDbJournal } from '../src/persistence/indexeddb/indexeddb-journal.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../src/persistence/recorder.js';
import { openSqlJs } from '../src/persistence/sqlite/sqljs-driver.js';
import type { NotificationId, OriginatorId, Tracking } from '../src/persistence/stored-event.js';
import { PUSH_TRACKING_NAME } from '../src/sync/sync-store.js';
import { systemClock } from '../src/util/clock.js';
import { deleteStore } from './delete-store.js';
import { HeadChannel } from './head-channel.js';
import { ImagedReplica } from './imaged-replica.js';
import { checkpointLockName, holdLock, openLockName, workIfFree } from './store-locks.js';
import type { Release } from './store-locks.js';

type StoreOptions = Pick<HostOpenOptions, 'name' | 'wasmUrl'> & Partial<Pick<HostOpenOptions, 'durability'>>;

/** Implements {@link StoreHost} on the real thing. */
export class StoreWorker implements StoreHost {
  #opening: Promise<HostStoreInfo> | undefined;
  #recorder: DurableRecorder | undefined;
  #journal: IndexedDbJournal | undefined;
  #channel: HeadChannel | undefined;
  #listener: (() => void) | undefined;
  #releaseStore: Release | undefined;
  #checkpoints: BackgroundCheckpoints | undefined;

  open(options: HostOpenOptions): Promise<HostStoreInfo> {
    if (this.#opening !== undefined) return Promise.reject(new InterfaceError('This worker has opened its store.'));
    this.#opening = this.#open(options);
    return this.#opening;
  }

  delete(options: HostDeleteOptions): Promise<void> {
    if (this.#opening !== undefined) return Promise.reject(new InterfaceError('This worker has opened its store.'));
    return deleteStore(options, async () => {
      await this.#openStore(options);
      const { unsyncedEvents } = await this.report();
      await this.close();
      return unsyncedEvents;
    });
  }

  async insertEvents(packedEvents: Uint8Array, tracking: Tracking | undefined): Promise<readonly NotificationId[]> {
    const recorder = await this.#opened();
    return recorder.insertEvents(unpackEvents(packedEvents), {
      packedEvents,
      ...(tracking === undefined ? {} : { tracking }),
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): Promise<Uint8Array> {
    const recorder = await this.#opened();
    return transferred(packEvents(await recorder.selectEvents(originatorId, options)));
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<Uint8Array> {
    const recorder = await this.#opened();
    return transferred(packNotifications(await recorder.selectNotifications(options)));
  }

  async maxNotificationId(): Promise<NotificationId> {
    return (await this.#opened()).maxNotificationId();
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    return (await this.#opened()).maxTrackingId(applicationName);
  }

  async report(): Promise<HostReport> {
    const recorder = await this.#opened();
    const [largestId, confirmedId, checkpointPosition] = await Promise.all([
      recorder.maxNotificationId(),
      recorder.maxTrackingId(PUSH_TRACKING_NAME),
      this.#newestCheckpoint(),
    ]);
    // The ids of a store in the browser have no gaps: none is given to a commit that fails.
    return {
      events: largestId,
      largestId,
      unsyncedEvents: Math.max(0, largestId - confirmedId),
      position: recorder.position,
      // Another tab may be ahead.
      recordsSinceCheckpoint: Math.max(0, recorder.position - checkpointPosition),
      checkpointFailure: this.#checkpointFailure(),
    };
  }

  async refresh(): Promise<void> {
    const recorder = await this.#opened();
    recorder.noteHead(recorder.position + 1);
  }

  onRecorded(listener: () => void): void {
    this.#listener = listener;
  }

  async close(): Promise<void> {
    this.#checkpoints?.close();
    await this.#recorder?.close();
    this.#channel?.close();
    this.#releaseStore?.();
  }

  async #open({ name, wasmUrl, durability, aliveLockName }: HostOpenOptions): Promise<HostStoreInfo> {
    const [releaseAlive, releaseStore] = await Promise.all([
      holdLock(aliveLockName, 'exclusive'),
      // Whoever deletes the store waits for it.
      holdLock(openLockName(name), 'shared'),
    ]);
    this.#releaseStore = releaseStore;
    const replicaId = await this.#openStore({ name, wasmUrl, durability });
    return { replicaId, holdsAliveLock: releaseAlive !== undefined };
  }

  /** @returns the id of the store */
  async #openStore({ name, wasmUrl, durability }: StoreOptions): Promise<string> {
    const newIdentity = { replicaId: crypto.randomUUID(), createdAtMs: Date.now() };
    const [database, journal] = await Promise.all([
      openSqlJs({ wasmUrl: wasmUrl ?? new URL('./sql-wasm.wasm', import.meta.url).href }),
      IndexedDbJournal.open({ name, newIdentity, durability: durability ?? 'strict', clock: systemClock }),
    ]);
    this.#journal = journal;
    const images = new ImagedReplica(database, systemClock);
    // Listening starts before the journal is read: a record that is written meanwhile is hinted at, not missed.
    let hinted = 0;
    const channel = new HeadChannel(name, (position) => {
      hinted = Math.max(hinted, position);
      this.#recorder?.noteHead(position);
    });
    this.#channel = channel;
    this.#recorder = await DurableRecorder.open({
      replica: images.create(),
      images,
      journal,
      onApplied: (position, own) => {
        if (own) channel.post(position);
        this.#listener?.();
        this.#checkpoints?.note();
      },
    });
    this.#checkpoints = new BackgroundCheckpoints({
      source: this.#recorder,
      clock: systemClock,
      alone: (work) => workIfFree(checkpointLockName(name), work),
    });
    this.#checkpoints.note();
    this.#recorder.noteHead(hinted);
    return journal.identity.replicaId;
  }

  async #newestCheckpoint(): Promise<number> {
    const storage = this.#journal?.checkpoints;
    return storage === undefined ? 0 : new Checkpoints({ storage }).newestPosition();
  }

  #checkpointFailure(): string | undefined {
    const error = this.#checkpoints?.lastError;
    return error === undefined ? undefined : encodeError(error).message;
  }

  /** The recorder; a call that comes while the store is being opened waits for it, and fails if that does. */
  async #opened(): Promise<DurableRecorder> {
    await this.#opening;
    if (this.#recorder === undefined) throw new InterfaceError('The store is not open.');
    return this.#recorder;
  }
}

function transferred(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  return transfer(bytes, [bytes.buffer]);
}
