/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The way in to synchronisation: wires the pusher to its store, to the page, and to the other tabs.
 *
 * @module
 */
import { validateWord } from '../../persistence/validation.js';
import { systemClock } from '../../util/clock.js';
import { onAbort } from '../../util/on-abort.js';
import type { Clock } from '../../util/clock.js';
import { callListener } from '../../util/listeners.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import { transportOfCopy } from '../push/copied-store.js';
import { PushTransport } from '../push/push-transport.js';
import type { GetToken } from '../exchange/server-requests.js';
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
import { leadInTurn } from '../../origin/web-locks.js';
import { pause } from '../../util/pause.js';
import { WorkLoop } from '../../util/work-loop.js';
import type { Rest } from '../../util/work-loop.js';
import { confirmedUpTo, readConfirmed } from '../confirmed.js';
import type { Confirmed } from '../confirmed.js';
import { LeaderWatch } from './leader-watch.js';

/** Options of {@link startSync}. */
export interface StartSyncOptions {
  /** The store whose events are pushed. Lent: close the sync before the store. */
  readonly store: SyncStore;
  /** Base address of the server, such as `https://sync.example.com`, or one relative to the page; `/v1/push` is added. */
  readonly url: string;
  /**
   * Gives the bearer token; asked before every push, and once more with `force` when it was refused (401), by whomever.
   * It has 30 seconds. @defaultValue no token
   */
  readonly getToken?: GetToken;
  /**
   * What to do when the server has lost what it had confirmed, because it was restored or replaced:
   * `stop` and say so, or `resend` from where the server stands; the store still has everything. @defaultValue `'stop'`
   */
  readonly onServerBehind?: OnServerBehind;
  /** How to reach the network. A request has 30 seconds, and one of a single large event longer. @defaultValue the platform's `fetch` */
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
  /** How it stands. The same in every tab, but for `pending`, which each tab knows by itself. */
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
 * Pushes a store's events to a server, for ever, until closed. One tab does it at a time, by a Web Lock. Another one goes
 * on when that tab goes, does not answer for some seconds while events wait, or cannot do it: its worker has died, or it
 * is signed out.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when `url` is no address of a server
 *
 * @example
 * ```ts
 * const sync = startSync({ store: daybook, url: 'https://sync.example.com', getToken: () => session.token });
 * sync.status.subscribe(({ pending }) => {
 *   // Nothing is said before it is known.
 *   if (pending !== undefined) badge.textContent = pending === 0 ? 'All saved' : `${pending} on this device`;
 * });
 * ```
 */
export function startSync(options: StartSyncOptions): Sync {
  return new RunningSync(options);
}

class RunningSync implements Sync {
  readonly #status = new ObservableValue<SyncStatus>(INITIAL_SYNC_STATUS);
  readonly status: Observable<SyncStatus> = this.#status;
  readonly #store: SyncStore;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #pusher: Pusher;
  readonly #channel: SyncChannel;
  readonly #watch: LeaderWatch;
  readonly #done: Promise<void>;
  /** Whether this tab has the turn, waits for one, or stands aside after a failure of its own. */
  #place: 'leading' | 'following' | 'aside' = 'following';
  /** What the tab that has the turn said last. */
  #heard: SyncStatus | undefined;
  /** What is known of this tab's store; `undefined` when nothing is. */
  #own: Confirmed | undefined;
  readonly #count: WorkLoop;
  /** Ends the wait for a turn, to take it; or the time aside. */
  #endWait: () => void = () => undefined;
  #isSilent = false;

  constructor(options: StartSyncOptions) {
    const { store, wakeSources = pageWakeSources, clock = systemClock, random = Math.random } = options;
    validateWord('onServerBehind', options.onServerBehind, ['stop', 'resend']);
    this.#store = store;
    this.#clock = clock;
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
      isOffline: () => {
        // `false` promises nothing.
        let isOffline = false;
        callListener(() => {
          isOffline = wakeSources.isOffline();
        });
        return isOffline;
      },
      random,
    });
    this.#channel = new SyncChannel(store.name, {
      onStatus: (status) => this.#hear(status),
      onCommand: (command) => this.#obey(command),
      onQuestion: () => this.#answer(),
    });
    this.#watch = new LeaderWatch({
      clock,
      random,
      ask: () => this.#channel.postQuestion(),
      onSilence: () => {
        this.#isSilent = true;
        this.#endWait();
      },
    });
    this.#count = new WorkLoop({
      clock,
      work: () => this.#countOwn(),
      // The store has failed, for good or not: the next news of it tells.
      afterFailure: () => {
        this.#own = undefined;
        this.#show();
        return { ms: Infinity };
      },
    });
    const { signal } = this.#stop;
    onAbort(
      signal,
      store.onRecorded(() => {
        this.#pusher.noteCommit();
        if (this.#place !== 'leading') this.#count.wake();
        if (this.#place === 'aside') this.#endWait();
      }),
    );
    // Without it an attempt is made later.
    callListener(() =>
      onAbort(
        signal,
        wakeSources.onWake(() => this.#attemptNow()),
      ),
    );
    this.#channel.postQuestion();
    this.#done = Promise.all([this.#takeTurns(signal), this.#count.start(signal)]).then(() => undefined);
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
    this.#watch.set(false);
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
    if (command === 'attempt-now') this.#attemptNow();
    else {
      this.#pusher.setPaused(command === 'pause');
      if (this.#place === 'aside') this.#endWait();
    }
  }

  #attemptNow(): void {
    this.#pusher.attemptNow();
    if (this.#place === 'aside') this.#endWait();
  }

  /** One turn after another. Where there are no Web Locks several tabs push: that wastes requests but breaks nothing. */
  async #takeTurns(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = new AbortController();
      this.#endWait = () => wait.abort();
      const steal = this.#isSilent;
      this.#isSilent = false;
      await leadInTurn(
        syncLockName(this.#store.name),
        { signal: AbortSignal.any([signal, wait.signal]), steal },
        async (stolen) => {
          await this.#lead(AbortSignal.any([signal, stolen]));
          // Whoever waits is first now. Who had the turn taken away waits like the others.
          if (!stolen.aborted) this.#place = 'aside';
        },
      );
      if (this.#place === 'aside') await this.#standAside(signal);
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    this.#place = 'leading';
    this.#watch.set(false);
    const unsubscribe = this.#pusher.status.subscribe((status) => {
      this.#show();
      // What the tab before this one said is truer than that nothing is known yet.
      if (status.state !== 'starting') this.#channel.postStatus(status);
    });
    await this.#pusher.run(signal);
    unsubscribe();
    this.#place = 'following';
    this.#heard = undefined;
    this.#count.wake();
  }

  /** Until the next attempt is due. Meanwhile any other tab may have the turn, and show that it does better. */
  async #standAside(signal: AbortSignal): Promise<void> {
    const wait = new AbortController();
    this.#endWait = () => wait.abort();
    await pause(this.#clock, this.#pusher.waitMs, AbortSignal.any([signal, wait.signal]));
    this.#place = 'following';
  }

  /** What another tab that pushes says. */
  #hear(status: SyncStatus): void {
    if (this.#place === 'leading') return;
    this.#heard = status;
    this.#watch.heard();
    // For the case that this tab runs next.
    this.#pusher.setPaused(status.state === 'paused');
    this.#show();
  }

  /**
   * Says so when its store has answered, and looks: whoever asks has events that this tab may not have heard of. Not
   * before, because a frozen page of Chromium still hears, while its worker, timers and requests stand still.
   */
  #answer(): void {
    if (this.#place !== 'leading') return;
    this.#pusher.noteCommit();
    readConfirmed(this.#store.recorder).then(
      () => {
        if (this.#place === 'leading') this.#channel.postStatus(this.#status.value);
      },
      // It does not do what it has the turn for.
      () => undefined,
    );
  }

  async #countOwn(): Promise<Rest> {
    this.#own = await readConfirmed(this.#store.recorder);
    this.#show();
    return { ms: Infinity };
  }

  /** How it stands is said by whoever has the turn; how many events wait is known to each tab by itself. */
  #show(): void {
    const mine = this.#pusher.status.value;
    const isMine = this.#place === 'leading' && mine.state !== 'starting';
    const next = isMine ? mine : this.#withOwnCount(this.#heard ?? mine);
    this.#status.set(next);
    this.#watch.set(this.#place === 'following' && (next.pending ?? 0) > 0 && next.state !== 'paused');
  }

  #withOwnCount(said: SyncStatus): SyncStatus {
    if (this.#own === undefined) return { ...said, pending: undefined };
    // Whoever pushes knows of a confirmation before the others do, and where the server lost what it had confirmed.
    const knownId = said.state === 'starting' ? this.#own.confirmedId : said.confirmedId;
    const { confirmedId, pending } = confirmedUpTo(knownId, this.#own.largestId);
    return { ...said, confirmedId, pending, state: said.state === 'idle' && pending > 0 ? 'waiting' : said.state };
  }
}
