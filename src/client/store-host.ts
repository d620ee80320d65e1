/**
 * What the worker offers to the main thread. Pages of events cross as one transferred buffer each.
 *
 * @module
 */
import type { SelectEventsOptions, SelectNotificationsOptions } from '../persistence/recorder.js';
import type { NotificationId, OriginatorId, Tracking } from '../persistence/stored-event.js';

/** Options that the worker needs to open a store. */
export interface HostOpenOptions {
  readonly name: string;
  /** Where `sql-wasm.wasm` lies. @defaultValue beside the worker's script */
  readonly wasmUrl: string | undefined;
  /** What an acknowledged commit survives. @defaultValue `strict` */
  readonly durability?: 'strict' | 'relaxed' | undefined;
  /** A Web Lock that the worker holds as long as it lives, so that its death can be noticed. */
  readonly aliveLockName: string;
}

/** Options that the worker needs to delete a store. */
export interface HostDeleteOptions extends Pick<HostOpenOptions, 'name' | 'wasmUrl'> {
  /** Whether to delete it unread. */
  readonly evenIfUnsynced: boolean;
  /** Milliseconds to wait for those who have it open. */
  readonly timeoutMs: number;
}

/** What the worker says of an opened store. */
export interface HostStoreInfo {
  readonly replicaId: string;
  /** Whether the alive lock is held; there are no Web Locks in insecure contexts. */
  readonly holdsAliveLock: boolean;
}

/** What the worker says of a store's state, at one moment. */
export interface HostReport {
  /** Events in the store. */
  readonly events: number;
  /** The largest notification id, or 0. */
  readonly largestId: NotificationId;
  /** Events that no server has confirmed, as far as this store knows: all of them in one that was never pushed. */
  readonly unsyncedEvents: number;
  /** Journal records that this tab's replica holds. One record is one commit, or several that came together. */
  readonly position: number;
  /** Journal records that opening the store has to replay, beside reading the newest checkpoint. */
  readonly recordsSinceCheckpoint: number;
  /**
   * Why the last checkpoint could not be written, in words; `undefined` when it could. Nothing is lost by it, but
   * opening takes longer and the journal grows until one succeeds.
   */
  readonly checkpointFailure: string | undefined;
}

/** The worker's side of the conversation. One store for each worker. */
export interface StoreHost {
  open(options: HostOpenOptions): Promise<HostStoreInfo>;
  /** Deletes a store, instead of opening one. */
  delete(options: HostDeleteOptions): Promise<void>;
  /** @param packedEvents - as `packEvents` makes them */
  insertEvents(packedEvents: Uint8Array, tracking: Tracking | undefined): Promise<readonly NotificationId[]>;
  /** @returns as `packEvents` makes them */
  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): Promise<Uint8Array>;
  /** @returns as `packNotifications` makes them */
  selectNotifications(options: SelectNotificationsOptions): Promise<Uint8Array>;
  maxNotificationId(): Promise<NotificationId>;
  maxTrackingId(applicationName: string): Promise<NotificationId>;
  report(): Promise<HostReport>;
  /** Looks whether other tabs have recorded something that nobody told of. */
  refresh(): Promise<void>;
  /** Calls the listener, a Comlink proxy, whenever something was recorded, by any tab. There is one listener. */
  onRecorded(listener: () => void): void;
  /** Waits for what is in flight, then closes. */
  close(): Promise<void>;
}
