/**
 * How synchronisation stands, as one immutable value.
 *
 * @module
 */

/**
 * - `starting`: not known yet
 * - `idle`: everything is confirmed
 * - `pushing`: a batch is on its way
 * - `waiting`: the last attempt failed, or the tab that pushes has not begun one; it follows by itself
 * - `offline`: the browser says that there is no network
 * - `paused`: by choice
 * - `stopped`: the server refuses, or the store of the tab that pushes fails; tried again once a minute, because servers
 *   are mended too, and by another tab where there is one
 */
export type SyncState = 'starting' | 'idle' | 'pushing' | 'waiting' | 'offline' | 'paused' | 'stopped';

/** How synchronisation stands. */
export interface SyncStatus {
  readonly state: SyncState;
  /**
   * Notifications that this tab knows of and no server has confirmed; `undefined` while that is not known: at first, and
   * when the store of this tab cannot be read.
   */
  readonly pending: number | undefined;
  /** The last notification id that the server confirmed; 0 at first. */
  readonly confirmedId: number;
  /** Whether the browser says that there is no network. */
  readonly offline: boolean;
  /** When the server last confirmed something, in milliseconds since 1970. Not kept across restarts. */
  readonly lastSuccessAtMs: number | undefined;
  /** Why the last attempt failed; gone after a success. */
  readonly lastError: Error | undefined;
  /** When the next attempt is due, while waiting. */
  readonly nextAttemptAtMs: number | undefined;
}

/** Before anything is known. */
export const INITIAL_SYNC_STATUS: SyncStatus = {
  state: 'starting',
  pending: undefined,
  confirmedId: 0,
  offline: false,
  lastSuccessAtMs: undefined,
  lastError: undefined,
  nextAttemptAtMs: undefined,
};
