/**
 * How synchronisation stands, as one immutable value.
 *
 * @module
 */
import type { BacklogState, SyncProgress } from '../persistence/unit-recorder.js';

/**
 * - `starting`: not known yet
 * - `connecting`: asks a server that has not answered since the last trouble
 * - `pushing`, `pulling`: sends what is recorded here, fetches what others have recorded
 * - `healing`: the server lost a part of what it had confirmed, and gets it back
 * - `live`: everything is confirmed, and everything fetched, as far as it is known
 * - `waiting`: the last attempt failed, or the tab that synchronises has not begun one; it follows by itself
 * - `offline`: the browser says that there is no network
 * - `needs-auth`: the server does not take the token, or there is none
 * - `upgrade-required`: the server does not speak this version any more, or takes no application as old as this one
 * - `stuck`: the server refuses, the store of the tab that synchronises fails, or nothing moves: tried again once a minute,
 *   and by another tab where there is one
 * - `paused`: by choice
 */
export type SyncState =
  | 'starting'
  | 'connecting'
  | 'pushing'
  | 'pulling'
  | 'healing'
  | 'live'
  | 'waiting'
  | 'offline'
  | 'needs-auth'
  | 'upgrade-required'
  | 'stuck'
  | 'paused';

/** How synchronisation stands. */
export interface SyncStatus {
  readonly state: SyncState;
  /**
   * Events that this tab knows of and the server has not confirmed; `undefined` while that is not known: at first, when the
   * store of this tab cannot be read, while the server gets back what it has lost, and after the end. What was set aside is
   * not among them: all is saved when there is nothing of both.
   */
  readonly pending: number | undefined;
  /** Units that wait for somebody to decide what becomes of them; `undefined` likewise. */
  readonly setAside: number | undefined;
  /**
   * Whether much is pending, by the limits that the store was opened with (`backlog`): `high` is a reason to look for a
   * network; while it is `full`, recording is refused. `undefined` where `setAside` is.
   */
  readonly backlog: BacklogState | undefined;
  /**
   * Where the store stands in the server's log; 0 at first. During a bootstrap, how many events of the log are here or are stood
   * for.
   */
  readonly position: number;
  /** The end of the server's log, as far as it has been heard of. Not less than `position`. */
  readonly head: number;
  /**
   * Of what is pending, the server has said that it takes events up to this notification id, and a page will tell; 0 when
   * it has said nothing since the last page.
   */
  readonly acceptedUpTo: number;
  /** Whether the browser says that there is no network. */
  readonly offline: boolean;
  /** When the server last answered something of use, in milliseconds since 1970. Not kept across restarts. */
  readonly lastSuccessAtMs: number | undefined;
  /** Why the last attempt failed; gone after a success. */
  readonly lastError: Error | undefined;
  /** When the next attempt is due, in milliseconds since 1970, while there is one to wait for. */
  readonly nextAttemptAtMs: number | undefined;
}

/** What of the status a store says, whichever tab synchronises. */
export function ownStatus(progress: SyncProgress | undefined): Pick<SyncStatus, 'pending' | 'setAside' | 'backlog'> {
  if (progress === undefined) return { pending: undefined, setAside: undefined, backlog: undefined };
  const { lostUnits, pendingEvents, setAsideUnits, backlog } = progress;
  // What was confirmed, and is lost, is on its way back: how much of it is still there only the server knows.
  return { pending: lostUnits > 0 ? undefined : pendingEvents, setAside: setAsideUnits, backlog };
}

/** Before anything is known. */
export const INITIAL_SYNC_STATUS: SyncStatus = {
  state: 'starting',
  pending: undefined,
  setAside: undefined,
  backlog: undefined,
  position: 0,
  head: 0,
  acceptedUpTo: 0,
  offline: false,
  lastSuccessAtMs: undefined,
  lastError: undefined,
  nextAttemptAtMs: undefined,
};
