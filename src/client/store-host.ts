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
  /** A Web Lock that the worker holds as long as it lives, so that its death can be noticed. */
  readonly aliveLockName: string;
}

/** What the worker says of an opened store. */
export interface HostStoreInfo {
  readonly replicaId: string;
  /** Whether the alive lock is held; there are no Web Locks in insecure contexts. */
  readonly holdsAliveLock: boolean;
}

/** The worker's side of the conversation. One store for each worker. */
export interface StoreHost {
  open(options: HostOpenOptions): Promise<HostStoreInfo>;
  /** @param packedEvents - as `packEvents` makes them */
  insertEvents(packedEvents: Uint8Array, tracking: Tracking | undefined): Promise<readonly NotificationId[]>;
  /** @returns as `packEvents` makes them */
  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): Promise<Uint8Array>;
  /** @returns as `packNotifications` makes them */
  selectNotifications(options: SelectNotificationsOptions): Promise<Uint8Array>;
  maxNotificationId(): Promise<NotificationId>;
  maxTrackingId(applicationName: string): Promise<NotificationId>;
  /** Calls the listener, a Comlink proxy, whenever something was recorded, by any tab. There is one listener. */
  onRecorded(listener: () => void): void;
  /** Waits for what is in flight, then closes. */
  close(): Promise<void>;
}
