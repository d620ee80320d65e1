/**
 * The way in to synchronisation: wires the pusher to its store, to the page, and to the other tabs.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { onAbort } from '../../util/on-abort.js';
import type { Clock } from '../../util/clock.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import { transportOfCopy } from '../push/copied-store.js';
import { PushTransport } from '../push/push-transport.js';
import type { GetToken } from '../push/push-transport.js';
import { Pusher } from '../push/pusher.js';
import type { OnServerBehind } from '../push/pusher.js';
import { SyncChannel } from './sync-channel.js';
import type { SyncCommand } from './sync-channel.js';
import { INITIAL_SYNC_STATUS } from '../sync-status.js';
import type { SyncStatus } from '../sync-status.js';
import type { SyncStore } from '../sync-store.js';
import { syncLockName } from '../../origin/origin-names.js';
import { pageWakeSources } from '../../origin/wake-sources.js';
import type { WakeSources } from '../../origin/wake-sources.js';
import { workInTurn } from '../../origin/web-locks.js';

/** Options of {@link startSync}. */
export interface StartSyncOptions {
  /** The store whose events are pushed. Lent: close the sync before the store. */
  readonly store: SyncStore;
  /** Base address of the server; `/v1/push` is added. */
  readonly url: string;
  /** Gives the bearer token; asked before every push, and once more with `force` when the server refused it. @defaultValue no token */
  readonly getToken?: GetToken;
  /**
   * What to do when the server has lost what it had confirmed, because it was restored or replaced:
   * `stop` and say so, or `resend` from where the server stands; the store still has everything. @defaultValue `'stop'`
   */
  readonly onServerBehind?: OnServerBehind;
  /** How to reach the network. @defaultValue the platform's `fetch` */
  readonly fetch?: typeof globalThis.fetch;
  /** Whether there is a network, and when to look again. @defaultValue the page's own events */
  readonly wakeSources?: WakeSources;
  /** Time and timers. @defaultValue the platform's */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive), for the jitter. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/** A running synchronisation. */
export interface Sync extends AsyncDisposable {
  /** How it stands, the same in every tab. */
  readonly status: Observable<SyncStatus>;
  /** Forgets earlier failures and tries now; before `Retry-After` has passed, as soon as it has. */
  pushNow(): void;
  /** Sends nothing more, in any tab, until {@link Sync.resume}. Not kept across restarts. */
  pause(): void;
  resume(): void;
  /** Stops; a request on its way is given up, and its batch sent again next time. Closing twice is fine. */
  close(): Promise<void>;
}

/**
 * Pushes a store's events to a server, for ever, until closed. One tab does it at a time, by a Web Lock;
 * when that tab goes, another one goes on.
 *
 * @example
 * ```ts
 * const sync = startSync({ store: daybook, url: 'https://sync.example.com', getToken: () => session.token });
 * sync.status.subscribe(({ state, pending }) => {
 *   // Nothing is said before it is known.
 *   if (state !== 'starting') badge.textContent = pending === 0 ? 'All saved' : `${pending} on this device`;
 * });
 * ```
 */
export function startSync(options: StartSyncOptions): Sync {
  return new RunningSync(options);
}

class RunningSync implements Sync {
  readonly #status = new ObservableValue<SyncStatus>(INITIAL_SYNC_STATUS);
  readonly status: Observable<SyncStatus> = this.#status;
  readonly #stop = new AbortController();
  readonly #pusher: Pusher;
  readonly #channel: SyncChannel;
  readonly #done: Promise<void>;
  /** Whether this tab is the one that pushes. */
  #runs = false;

  constructor(options: StartSyncOptions) {
    const { store, wakeSources = pageWakeSources, clock = systemClock } = options;
    const transport = new PushTransport({
      url: options.url,
      // Bound, because the platform's own insists on its `this`.
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      getToken: options.getToken,
      clock,
    });
    const { pushBaseId = 0 } = store;
    this.#pusher = new Pusher({
      store,
      clock,
      transport: pushBaseId === 0 ? transport : transportOfCopy(transport, pushBaseId),
      onServerBehind: options.onServerBehind ?? 'stop',
      isOffline: () => wakeSources.isOffline(),
      random: options.random ?? Math.random,
    });
    this.#channel = new SyncChannel(store.name, {
      onStatus: (status) => {
        if (this.#runs) return;
        this.#status.set(status);
        // For the case that this tab runs next.
        this.#pusher.setPaused(status.state === 'paused');
      },
      onCommand: (command) => this.#obey(command),
      onQuestion: () => {
        if (this.#runs) this.#channel.postStatus(this.#status.value);
      },
    });
    const { signal } = this.#stop;
    onAbort(
      signal,
      store.onRecorded(() => this.#pusher.noteCommit()),
    );
    onAbort(
      signal,
      wakeSources.onWake(() => this.#pusher.attemptNow()),
    );
    this.#channel.postQuestion();
    // Where there are no Web Locks several tabs push: that wastes requests but breaks nothing.
    this.#done = workInTurn(syncLockName(store.name), { signal }, () => this.#run(signal));
  }

  pushNow(): void {
    this.#command('attempt-now');
  }

  pause(): void {
    this.#command('pause');
  }

  resume(): void {
    this.#command('resume');
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.#channel.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Every tab obeys, so that whichever runs next knows of a pause. */
  #command(command: SyncCommand): void {
    this.#obey(command);
    this.#channel.postCommand(command);
  }

  #obey(command: SyncCommand): void {
    if (command === 'attempt-now') this.#pusher.attemptNow();
    else this.#pusher.setPaused(command === 'pause');
  }

  async #run(signal: AbortSignal): Promise<void> {
    this.#runs = true;
    const unsubscribe = this.#pusher.status.subscribe((status) => {
      this.#status.set(status);
      // What the tab before this one said is truer than that nothing is known yet.
      if (status.state !== 'starting') this.#channel.postStatus(status);
    });
    await this.#pusher.run(signal);
    unsubscribe();
    this.#runs = false;
  }
}
