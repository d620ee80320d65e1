/**
 * Where snapshots are kept: apart from events, because they may be replaced and thrown away.
 *
 * @module
 */

import type { CallOptions } from './heed-signal.js';

/** The state of an aggregate at a version, so that it need not be made of all its events again. */
export interface StoredSnapshot {
  readonly originatorId: string;
  /** The version of the aggregate: how many events are in the state. */
  readonly originatorVersion: number;
  /** The id of the event at that version. A history in which it is another one is not the snapshot's. */
  readonly eventId: string;
  /** The type of the aggregate. */
  readonly aggregateType: string;
  /** Version of the state's shape. */
  readonly stateVersion: number;
  /** As the transcoder, the compressor and the cipher made it. Not copied: do not change it afterwards. */
  readonly state: Uint8Array;
  /** When it was taken, in milliseconds since 1970, by the clock of the one who took it. */
  readonly takenAtMs: number;
}

/**
 * Keeps the newest snapshot of each aggregate. Losing them loses nothing: they are made again.
 *
 * A snapshot is newer than another one when its version is greater; or its `stateVersion`, at the same version. So savers
 * that run at once, in whatever order, leave the newest.
 */
export interface SnapshotStore {
  /**
   * Whether a call waits for a transaction that it is not in: inside of one it would wait for what waits for it.
   *
   * @defaultValue false
   */
  readonly waitsForTransactions?: boolean;
  /**
   * The snapshots as a transaction sees them, where it is one of the recorder that they are kept by.
   *
   * @param transaction - a `RecorderTransaction`
   * @defaultValue a transaction does not see them otherwise than everybody
   */
  within?(transaction: object): Pick<SnapshotStore, 'select'> | undefined;
  /**
   * The snapshot of an aggregate, if there is one.
   *
   * @param options - a signal, as of every call of a recorder; the same goes for the other two
   */
  select(originatorId: string, options?: CallOptions): Promise<StoredSnapshot | undefined>;
  /**
   * Keeps a snapshot unless there is one that is as new.
   *
   * @returns whether it was kept
   */
  upsert(snapshot: StoredSnapshot, options?: CallOptions): Promise<boolean>;
  /** Throws snapshots away: of one aggregate, or all. */
  remove(originatorId?: string, options?: CallOptions): Promise<void>;
}

/** Whether a snapshot replaces the one that is there. */
export function isNewerSnapshot(snapshot: StoredSnapshot, present: StoredSnapshot | undefined): boolean {
  if (present === undefined) return true;
  if (snapshot.originatorVersion !== present.originatorVersion) {
    return snapshot.originatorVersion > present.originatorVersion;
  }
  return snapshot.stateVersion > present.stateVersion;
}
