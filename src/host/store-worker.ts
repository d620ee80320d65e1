/**
 * Wires a store inside the worker: sql.js, the journal, the durable recorder, and the channel between tabs.
 *
 * @module
 */
import type {
  HostInsertOptions,
  HostOpenOptions,
  HostReport,
  HostTransactionOptions,
  StoreHost,
  TransactionEnd,
} from './protocol/store-host.js';
import { encodeError } from '../domain/error-codec.js';
import { InterfaceError } from '../persistence/errors.js';
import { packEvents, packNotifications, unpackEvents } from '../persistence/event-batch.js';
import { BackgroundCheckpoints } from '../persistence/journal/background-checkpoints.js';
import { Checkpoints } from '../persistence/journal/checkpoints.js';
import { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import { IndexedDbJournal } from '../persistence/indexeddb/indexeddb-journal.js';
import type { OnOpenProgress } from '../persistence/journal/open-progress.js';
import type { StoreIdentity } from '../persistence/journal/store-identity.js';
import type { ProcessRecorder, SelectEventsOptions, SelectNotificationsOptions } from '../persistence/recorder.js';
import type { SqlResult } from '../persistence/sql/sql-queryable.js';
import { SqliteOwnTables } from '../persistence/sqlite/own-tables/sqlite-own-tables.js';
import type { NotificationId, OriginatorId } from '../persistence/stored-event.js';
import { PUSH_TRACKING_NAME } from '../sync/sync-store.js';
import { systemClock } from '../util/clock.js';
import { HeadChannel } from './head-channel.js';
import { ImagedReplica } from './imaged-replica.js';
import { openDatabase } from './open-database.js';
import { ProgressLine } from './progress-line.js';
import { checkpointLockName, holdLock, openLockName, workIfFree } from './store-locks.js';
import type { Release } from './store-locks.js';
import { TransactionDesk } from './transaction-desk.js';
import { transferred } from './protocol/byte-source.js';

type StoreOptions = HostOpenOptions & { readonly onProgress: OnOpenProgress | undefined };

/** Implements {@link StoreHost} on the real thing. */
export class StoreWorker implements StoreHost {
  #opening: Promise<StoreIdentity> | undefined;
  #name = '';
  readonly #transactions = new TransactionDesk();
  #recorder: DurableRecorder | undefined;
  #journal: IndexedDbJournal | undefined;
  #channel: HeadChannel | undefined;
  #listener: (() => void) | undefined;
  #releaseStore: Release | undefined;
  #checkpoints: BackgroundCheckpoints | undefined;

  async holdAliveLock(lockName: string): Promise<boolean> {
    return (await holdLock(lockName, 'exclusive')) !== undefined;
  }

  open(options: HostOpenOptions, onProgress?: OnOpenProgress): Promise<StoreIdentity> {
    if (this.#opening !== undefined) return Promise.reject(new InterfaceError('This worker has opened its store.'));
    this.#opening = this.#open(options, onProgress);
    return this.#opening;
  }

  async insertEvents(packedEvents: Uint8Array, options: HostInsertOptions): Promise<readonly NotificationId[]> {
    const { tracking, durability, token } = options;
    const events = unpackEvents(packedEvents);
    const tracked = tracking === undefined ? {} : { tracking };
    if (token !== undefined) return this.#transactions.get(token).insertEvents(events, tracked);
    const recorder = await this.#opened();
    return recorder.insertEvents(events, {
      ...tracked,
      packedEvents,
      ...(durability === undefined ? {} : { durability }),
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions, token?: number): Promise<Uint8Array> {
    const recorder = await this.#recorderOf(token);
    return transferred(packEvents(await recorder.selectEvents(originatorId, options)));
  }

  async selectNotifications(options: SelectNotificationsOptions, token?: number): Promise<Uint8Array> {
    const recorder = await this.#recorderOf(token);
    return transferred(packNotifications(await recorder.selectNotifications(options)));
  }

  async maxNotificationId(token?: number): Promise<NotificationId> {
    return (await this.#recorderOf(token)).maxNotificationId();
  }

  async maxTrackingId(applicationName: string, token?: number): Promise<NotificationId> {
    return (await this.#recorderOf(token)).maxTrackingId(applicationName);
  }

  async query(text: string, values: unknown[], token?: number): Promise<SqlResult> {
    if (token !== undefined) return this.#transactions.get(token).connection.query(text, values);
    return (await this.#opened()).query(text, values);
  }

  async beginTransaction(token: number | undefined, options: HostTransactionOptions): Promise<number> {
    const source = token === undefined ? await this.#opened() : this.#transactions.get(token);
    return this.#transactions.begin(source, options);
  }

  async commitTransaction(token: number): Promise<TransactionEnd> {
    return this.#transactions.commit(token);
  }

  async rollBackTransaction(token: number): Promise<void> {
    await this.#transactions.rollBack(token);
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

  async #open(options: HostOpenOptions, onProgress: OnOpenProgress | undefined): Promise<StoreIdentity> {
    // Whoever deletes the store waits for it.
    this.#releaseStore = await holdLock(openLockName(options.name), 'shared');
    const progress = new ProgressLine(onProgress);
    const identity = await this.#openStore({ ...options, onProgress: progress.tell });
    await progress.heard();
    return identity;
  }

  /** @returns who the store is */
  async #openStore(options: StoreOptions): Promise<StoreIdentity> {
    const { name, durability, onProgress } = options;
    this.#name = name;
    const newIdentity = { replicaId: crypto.randomUUID(), createdAtMs: Date.now() };
    const [database, journal] = await Promise.all([
      openDatabase(options),
      IndexedDbJournal.open({ name, newIdentity, durability: durability ?? 'strict', clock: systemClock }),
    ]);
    this.#journal = journal;
    const images = new ImagedReplica(database, systemClock);
    // Listening starts before the journal is read: a record that is written meanwhile is hinted at, not missed.
    let hinted = 0;
    const channel = new HeadChannel(
      name,
      (position) => {
        hinted = Math.max(hinted, position);
        this.#recorder?.noteHead(position);
      },
      (durationMs) => this.#recorder?.giveWay(durationMs),
    );
    this.#channel = channel;
    this.#recorder = await DurableRecorder.open({
      replica: images.create(),
      images,
      ownTables: new SqliteOwnTables({ database }),
      journal,
      askForWay: (durationMs) => channel.askForWay(durationMs),
      ...(onProgress === undefined ? {} : { onProgress }),
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
    return journal.identity;
  }

  async #newestCheckpoint(): Promise<number> {
    const storage = this.#journal?.checkpoints;
    return storage === undefined ? 0 : new Checkpoints({ storage }).newestPosition();
  }

  #checkpointFailure(): string | undefined {
    const error = this.#checkpoints?.lastError;
    return error === undefined ? undefined : encodeError(error).message;
  }

  /** What a call is for: a transaction, or the store. */
  async #recorderOf(token: number | undefined): Promise<ProcessRecorder> {
    return token === undefined ? this.#opened() : this.#transactions.get(token);
  }

  /** The recorder; a call that comes while the store is being opened waits for it, and fails if that does. */
  async #opened(): Promise<DurableRecorder> {
    await this.#opening;
    if (this.#recorder === undefined) throw new InterfaceError('The store is not open.');
    return this.#recorder;
  }
}
