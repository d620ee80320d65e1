/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The way in for code that runs in a worker: a store without a boundary before it.
 *
 * @module
 */
import { pageWakeSources } from '../origin/wake-sources.js';
import { heeding, workUnlessAborted } from '../persistence/heed-signal.js';
import type { CallOptions } from '../persistence/heed-signal.js';
import type { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import type { OpenProgress } from '../persistence/journal/open-progress.js';
import type { PastEvents } from '../persistence/past.js';
import type { RecorderTransaction } from '../persistence/recorder-transaction.js';
import type { RecorderSupport, SelectEventsOptions, SelectNotificationsOptions } from '../persistence/recorder.js';
import type { SqlDialect } from '../persistence/sql/sql-dialect.js';
import type { SqlQueryable, SqlResult } from '../persistence/sql/sql-queryable.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';
import type { AggregateBase, Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../persistence/unit.js';
import type {
  DecidedUnit,
  Superseded,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  SyncProgress,
  TruncateOptions,
  Truncation,
  UnitLimits,
  UnitStanding,
} from '../persistence/unit-recorder.js';
import type { ChangeListener, ChangeSource } from '../persistence/store-changes.js';
import { InterfaceError } from '../persistence/errors.js';
import { withEnds } from '../persistence/transaction-ends.js';
import { follow } from '../persistence/subscription.js';
import type { FollowOptions, Subscription } from '../persistence/subscription.js';
import { checkedUrl, validateDurability } from '../persistence/validation.js';
import { guarded, Listeners } from '../util/listeners.js';
import { attachRescue } from './attached-rescue.js';
import { OpenedStore } from './opened-store.js';
import type { CommitOptions, DaybookInsertOptions, DaybookRecorder } from './protocol/daybook-recorder.js';
import type { BacklogLimits, HostReport, RestoredStore } from './protocol/store-host.js';
import { RELEASE } from './protocol/release.js';
import { validateStoreName } from './protocol/store-name.js';

/** Options of {@link openStore}. */
export interface OpenStoreOptions {
  /** Name of the store within this origin, as for `openDaybook`: it is the same store. */
  readonly name: string;
  /** Where `sql-wasm.wasm` lies. @defaultValue beside the package's script, as bundlers arrange it */
  readonly wasmUrl?: string | URL;
  /** What an acknowledged commit survives, as for `openDaybook`. @defaultValue `strict` */
  readonly durability?: 'strict' | 'relaxed';
  /** How much may be pending, as for `openDaybook`. @defaultValue any number */
  readonly backlog?: BacklogLimits;
  /** Told how far the opening is: a few times a second at most, and at least once. */
  readonly onProgress?: (progress: OpenProgress) => void;
}

/**
 * A store that is open in this worker. It is the same for those in other tabs, whether they have it open here or by
 * `openDaybook`: each is a replica of one journal. A `startSync` takes it as its store.
 */
export interface HostedStore extends AsyncDisposable {
  readonly name: string;
  /** Identifies this store in this browser profile, for ever: a random UUID. */
  readonly replicaId: string;
  /** As `Daybook.restored`: what was brought back of a store that the browser had lost. */
  readonly restored: RestoredStore | undefined;
  /** Records durably; its calls cross no boundary. */
  readonly recorder: DaybookRecorder;
  /** As `Daybook.onRecorded`. */
  onRecorded(listener: () => void): () => void;
  /** As `Daybook.subscribe`. */
  subscribe(options?: FollowOptions): Subscription;
  /** How much there is, and what is not synced. */
  report(): Promise<HostReport>;
  /** As `daybook.storage.eraseDeleted`. */
  eraseDeleted(): Promise<void>;
  /** Waits for what is in flight, then closes. Later calls reject with `InterfaceError`. Closing twice is fine. */
  close(): Promise<void>;
}

/**
 * Opens a store in this worker, and creates it where there is none: for an application that runs beside its store, so that
 * a command crosses to the worker once, however often it asks the store. Not for a page: SQLite would run on its main
 * thread.
 *
 * That a browser has lost a store that was never synchronised is noticed by pages only, which remember in `localStorage`
 * that there was one.
 *
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when the browser gives no durable storage, or the wasm does not load
 * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when stored data is damaged; it is left as it is
 * @throws StorageLostError (`STORAGE_LOST`) as `openDaybook`, of a store that was synchronised
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote the store
 * @throws ImportIncompleteError (`IMPORT_INCOMPLETE`) when an import into it was begun and not finished
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is wrong
 *
 * @example
 * ```ts
 * // orders-worker.ts; the page takes it by `wrapWorker`
 * import { Application } from 'daybook/application';
 * import { openStore, serve } from 'daybook/host';
 *
 * const store = await openStore({ name: 'orders' });
 * const app = new Application({ recorder: store.recorder, aggregates: [order], inline: [openOrders] });
 * serve({ place: (id: string, lines: Lines) => app.execute(order, id, { type: 'PlaceOrder', data: { lines } }) });
 * ```
 */
export async function openStore(options: OpenStoreOptions): Promise<HostedStore> {
  const { name, wasmUrl, durability, backlog } = options;
  const onProgress = options.onProgress && guarded(options.onProgress);
  validateStoreName(name);
  validateDurability(durability);
  const listeners = new Listeners();
  const opened = await OpenedStore.open({
    ...{ name, durability, backlog, onProgress },
    wasmUrl: wasmUrl === undefined ? undefined : checkedUrl('wasmUrl', wasmUrl, location.href).href,
    onRecorded: () => listeners.tell(),
    // Here it is a part of the application's own worker, which bundlers do not split.
    loadRescuePart: () => Promise.resolve({ attachRescue, RELEASE }),
  });
  return new OpenHostedStore(name, opened, listeners);
}

class OpenHostedStore implements HostedStore {
  readonly name: string;
  readonly replicaId: string;
  readonly recorder: DaybookRecorder;
  readonly #opened: OpenedStore;
  readonly #listeners: Listeners;
  readonly #stopLooking: () => void;
  #closing: Promise<void> | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(name: string, opened: OpenedStore, listeners: Listeners) {
    this.name = name;
    this.replicaId = opened.identity.replicaId;
    this.recorder = new HostedRecorder(opened, listeners);
    this.#opened = opened;
    this.#listeners = listeners;
    // A worker that was frozen may have missed a message of another tab.
    this.#stopLooking = pageWakeSources.onWake(() => opened.refresh());
  }

  get restored(): RestoredStore | undefined {
    return this.#opened.restored;
  }

  onRecorded(listener: () => void): () => void {
    return this.recorder.onRecorded(listener);
  }

  subscribe(options?: FollowOptions): Subscription {
    return this.recorder.subscribe(options);
  }

  report(): Promise<HostReport> {
    return this.#opened.report();
  }

  eraseDeleted(): Promise<void> {
    return this.#opened.eraseDeleted();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#stopLooking();
    this.#opened.changes.end(new InterfaceError('The store is closed. Open it again to use it.'));
    await this.#opened.close();
    // A subscription at rest finds the end by its next look.
    this.#listeners.tell();
    this.#listeners.clear();
  }
}

/** A durable recorder that can be followed. */
class HostedRecorder implements DaybookRecorder, ChangeSource {
  readonly supports: RecorderSupport;
  readonly dialect: SqlDialect;
  readonly #opened: OpenedStore;
  readonly #recorder: DurableRecorder;
  readonly #listeners: Listeners;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  constructor(opened: OpenedStore, listeners: Listeners) {
    const { recorder } = opened;
    this.#opened = opened;
    this.supports = { ...recorder.supports, subscriptions: true };
    this.dialect = recorder.dialect;
    this.#recorder = recorder;
    this.#listeners = listeners;
  }

  async insertEvents(
    events: readonly StoredEvent[],
    options: DaybookInsertOptions = {},
  ): Promise<readonly NotificationId[]> {
    return await heeding(options.signal, (begin) => {
      // In a group with others it does not wait: it is written as soon as the one before is.
      begin();
      return this.#recorder.insertEvents(events, options);
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    return await heeding(options.signal, () => this.#recorder.selectEvents(originatorId, options));
  }

  async selectPast(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<PastEvents> {
    return await heeding(options.signal, () => this.#recorder.selectPast(originatorId, options));
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await heeding(options.signal, () => this.#recorder.selectNotifications(options));
  }

  async maxNotificationId({ signal }: CallOptions = {}): Promise<NotificationId> {
    return await heeding(signal, () => this.#recorder.maxNotificationId());
  }

  async maxTrackingId(applicationName: string, { signal }: CallOptions = {}): Promise<NotificationId> {
    return await heeding(signal, () => this.#recorder.maxTrackingId(applicationName));
  }

  async hasTrackingId(
    applicationName: string,
    notificationId: NotificationId,
    options?: CallOptions,
  ): Promise<boolean> {
    return notificationId <= (await this.maxTrackingId(applicationName, options));
  }

  onChanged(listener: ChangeListener, onEnd?: (error: Error) => void): () => void {
    return this.#opened.changes.onChanged(listener, onEnd);
  }

  syncProgress(): Promise<SyncProgress> {
    return this.#opened.syncProgress();
  }

  selectPendingUnits(after: NotificationId, limits: UnitLimits): Promise<readonly PendingUnit[]> {
    return this.#recorder.selectPendingUnits(after, limits);
  }

  insertPage(page: UnitPage, options?: InsertPageOptions): Promise<PageOutcome> {
    return this.#opened.insertPage(page, options);
  }

  setAside(refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[]): Promise<readonly UnitId[]> {
    return this.#recorder.setAside(refused);
  }

  rewind(cursor: Cursor): Promise<boolean> {
    return this.#recorder.rewind(cursor);
  }

  followAnew(asked: Cursor): Promise<boolean> {
    return this.#recorder.followAnew(asked);
  }

  selectLostUnits(after: number, limits: UnitLimits): Promise<readonly LostUnit[]> {
    return this.#recorder.selectLostUnits(after, limits);
  }

  endHeal(healing: EndOfHealing): Promise<boolean> {
    return this.#recorder.endHeal(healing);
  }

  selectSetAside(after: NotificationId, limits: UnitLimits): Promise<readonly SetAsideUnit[]> {
    return this.#recorder.selectSetAside(after, limits);
  }

  selectSuperseded(ids?: readonly UnitId[]): Promise<Superseded> {
    return this.#recorder.selectSuperseded(ids);
  }

  decide(decided: readonly DecidedUnit[]): Promise<boolean> {
    return this.#recorder.decide(decided);
  }

  discardSetAside(ids: readonly UnitId[]): Promise<readonly UnitId[]> {
    return this.#recorder.discardSetAside(ids);
  }

  truncate(truncations: readonly Truncation[], options?: TruncateOptions): Promise<readonly OriginatorId[]> {
    return this.#recorder.truncate(truncations, options);
  }

  selectBase(originatorId: OriginatorId): Promise<AggregateBase | undefined> {
    return this.#recorder.selectBase(originatorId);
  }

  findUnits(keys: readonly (UnitId | NotificationId)[]): Promise<readonly (UnitStanding | undefined)[]> {
    return this.#recorder.findUnits(keys);
  }

  query(text: string, values?: unknown[]): Promise<SqlResult> {
    return this.#recorder.query(text, values);
  }

  transaction<T>(
    work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>,
    { signal, ...options }: CommitOptions & CallOptions = {},
  ): Promise<T> {
    return withEnds(
      this,
      async (heard) =>
        await heeding(signal, (begin) => this.#opened.transaction(workUnlessAborted(signal, begin, heard), options)),
      work,
    );
  }

  onRecorded(listener: () => void): () => void {
    return this.#listeners.add(listener);
  }

  subscribe(options?: FollowOptions): Subscription {
    return follow(this, (listener) => this.#listeners.add(listener), options);
  }
}
