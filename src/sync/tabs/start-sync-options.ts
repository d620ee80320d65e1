/// <reference lib="esnext.disposable" preserve="true" />
/**
 * What `startSync` takes, and gives.
 *
 * @module
 */
import type { WakeSources } from '../../origin/wake-sources.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import type { Clock } from '../../util/clock.js';
import type { Observable } from '../../util/observable.js';
import type { Direction } from '../exchange/exchange-work.js';
import type { UnitDecider } from '../exchange/page-intake.js';
import type { GetToken } from '../exchange/server-requests.js';
import type { Receipt } from '../exchange/unit-receipts.js';
import type { SyncStatus } from '../sync-status.js';
import type { SyncStore } from '../sync-store.js';

/** Options of `startSync`. */
export interface StartSyncOptions<Rebased = unknown> {
  /** The store that is synchronised. Lent: close the sync before the store. */
  readonly store: SyncStore;
  /** Base address of the server, such as `https://sync.example.com`, or one relative to the page; `/v2/…` is added. */
  readonly url: string;
  /**
   * Gives the bearer token; asked before every request, and once more with `force` when it was refused (401), by whomever.
   * It has 30 seconds. @defaultValue no token
   */
  readonly getToken?: GetToken;
  /**
   * Who is signed in: the subject of the token, or any text that stands for it. The first one that synchronises a store has
   * it from then on, with all that was recorded before; for anybody else nothing is sent or fetched, the state is
   * `needs-auth`, and `lastError` a `SubjectMismatchError` (`SUBJECT_MISMATCH`). The store keeps a hash of it.
   *
   * @defaultValue nobody knows, and whoever comes may
   */
  readonly subject?: string | undefined;
  /**
   * Which ways events go. `push`: what is recorded here goes to the server, and of others only what they record on
   * aggregates that are here comes back, because it stands in one order with it. `pull`: what is recorded here stays here,
   * pending.
   *
   * What was passed over with `push` does not come later with `both`. @defaultValue `'both'`
   */
  readonly direction?: Direction;
  /**
   * Whether a new device takes snapshots that the server has (`snapshots` of its log), with what was recorded after them, instead of
   * all history: as many events fewer cross the network and are stored. Only into a store in which nothing is confirmed yet;
   * of a server that has none, the whole log comes. What has not come is as what `Application.truncateHistory` has let go:
   * `olderEvents` gives it, and views that are made of all events say `HISTORY_TRUNCATED`. Not with `push`, and not for an
   * `application` that has projections in line.
   *
   * @defaultValue false: views that an application has would not be made
   */
  readonly bootstrap?: boolean | undefined;
  /**
   * Decides again what gives way to others' events, in the commit of the page that has them: the `Application` of the store,
   * with `keepCommands`. In every tab that synchronises the store, because any of them may be the one that does it.
   *
   * @defaultValue what gives way is set aside
   */
  readonly application?: UnitDecider<Rebased> | undefined;
  /**
   * Told of what was decided again, after it was recorded, in the tab that did it: what each unit was and is now, and what
   * was set aside, and why. An error that it throws is reported, and changes nothing. @defaultValue nobody is told
   */
  readonly onRebased?: ((units: readonly Rebased[]) => void) | undefined;
  /**
   * Whether the server is asked for a stream that says when there is news. Without one, and where there is none to be had,
   * it is asked for news twice a minute. With `push` there is no use for one. @defaultValue true
   */
  readonly live?: boolean;
  /** Where the server has several tenants, the one whose log it is. @defaultValue none */
  readonly tenant?: string;
  /**
   * What this application says of itself to the server, as `stockcount/1.4.2`: printable characters of ASCII, 100 at most. A
   * server may ask for a newer one (`acceptApp`): then the state is `upgrade-required`, and what is pending waits.
   *
   * @defaultValue nothing
   */
  readonly app?: string | undefined;
  /** How to reach the network. A request has 30 seconds, and one of a single large unit longer. @defaultValue the platform's `fetch` */
  readonly fetch?: typeof globalThis.fetch;
  /** Whether there is a network, and when to look again. @defaultValue the page's own events */
  readonly wakeSources?: WakeSources;
  /** Time and timers. @defaultValue the platform's */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive), for the jitter. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** How to sign out. */
export interface SignOutOptions {
  /**
   * What becomes of what is on this device only. `refuse`: nobody is signed out while there is some. `keep`: it stays, bound
   * to who was signed in (`subject`), and is sent when the same one signs in again, which downloads nothing anew.
   * Whoever wants it elsewhere, too, exports the store before (`daybook.storage.export()`). @defaultValue `'refuse'`
   */
  readonly pending?: 'refuse' | 'keep' | undefined;
}

/** A running synchronisation. */
export interface Sync extends AsyncDisposable {
  /**
   * How it stands: what the tab that synchronises says of server and network, and what the store of this tab says of
   * itself, which hears of every commit of every tab.
   */
  readonly status: Observable<SyncStatus>;
  /**
   * How far a commit has come, to wait for: by the id of one of its events, or by that of its unit, where it was given one.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is neither
   */
  receipt(of: NotificationId | UnitId): Receipt;
  /** Forgets earlier failures and tries now, both ways; before `Retry-After` has passed, as soon as it has. */
  syncNow(): void;
  /** Sends and fetches nothing more, in any tab, until {@link Sync.resume}. Not kept across restarts. */
  pause(): void;
  resume(): void;
  /**
   * Ends synchronisation in all tabs, unless something is on this device only, or was set aside. Reading and recording go
   * on. To sign in, start it again.
   *
   * @throws PendingUnitsError (`PENDING_UNITS`) when there is some, and `pending` does not say to keep it
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when `pending` is neither word
   * @throws as the store does, when it cannot be read: then nobody is signed out
   */
  signOut(options?: SignOutOptions): Promise<void>;
  /** Stops; a request on its way is given up, and what it was about is settled next time. Closing twice is fine. */
  close(): Promise<void>;
}
