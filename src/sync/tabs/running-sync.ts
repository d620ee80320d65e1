/**
 * One tab's part in the synchronisation of a store: wires the exchange to the store, to the page, and to the other tabs.
 *
 * ```text
 *              the lock is free, or was taken away
 * following ────────────────────────────────────────▶ leading ──a failure of this tab's own──▶ aside
 *     ▲                                                  │                                       │
 *     ├──────────────stolen, frozen, closed──────────────┘                                       │
 *     └──────────────────────────time, a commit, a reason to hope────────────────────────────────┘
 * ```
 *
 * @module
 */
import { syncLockName } from '../../origin/origin-names.js';
import { pageWakeSources } from '../../origin/wake-sources.js';
import type { WakeSources } from '../../origin/wake-sources.js';
import { leadInTurn } from '../../origin/web-locks.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { SyncProgress } from '../../persistence/unit-recorder.js';
import type { UnitId } from '../../persistence/unit.js';
import { validateWord } from '../../persistence/validation.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { callListener } from '../../util/listeners.js';
import { ObservableValue } from '../../util/observable.js';
import type { Observable } from '../../util/observable.js';
import { onAbort } from '../../util/on-abort.js';
import { pause } from '../../util/pause.js';
import { WorkLoop } from '../../util/work-loop.js';
import type { Rest } from '../../util/work-loop.js';
import type { Direction } from '../exchange/exchange-work.js';
import { HttpTransport } from '../exchange/http-transport.js';
import { StoreSubject } from '../exchange/store-subject.js';
import { UnitReceipts } from '../exchange/unit-receipts.js';
import type { Receipt } from '../exchange/unit-receipts.js';
import { PendingUnitsError } from '../protocol/index.js';
import { INITIAL_SYNC_STATUS, ownStatus } from '../sync-status.js';
import type { SyncState, SyncStatus } from '../sync-status.js';
import type { SyncStore } from '../sync-store.js';
import { ExchangeTurns } from './exchange-turns.js';
import { LeaderWatch } from './leader-watch.js';
import type { SignOutOptions, StartSyncOptions, Sync } from './start-sync-options.js';
import { SyncChannel } from './sync-channel.js';
import type { SyncCommand } from './sync-channel.js';

/** In these, what waits is about to go. */
const AT_WORK: ReadonlySet<SyncState> = new Set(['starting', 'connecting', 'pushing', 'pulling', 'healing', 'live']);

/** A running synchronisation, of one tab. */
export class RunningSync implements Sync {
  readonly #status = new ObservableValue<SyncStatus>(INITIAL_SYNC_STATUS);
  readonly status: Observable<SyncStatus> = this.#status;
  readonly #store: SyncStore;
  readonly #direction: Direction;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #turns: ExchangeTurns;
  readonly #channel: SyncChannel;
  readonly #watch: LeaderWatch;
  readonly #receipts: UnitReceipts;
  readonly #done: Promise<void>;
  /** Whether this tab has the turn, waits for one, or stands aside after a failure of its own. */
  #place: 'leading' | 'following' | 'aside' = 'following';
  /** The turn that is not over yet, though the lock may have gone. */
  #turn: Promise<void> = Promise.resolve();
  /** What the tab that has the turn said last. */
  #heard: SyncStatus | undefined;
  /** How far the store of this tab is, while another one has the turn; `undefined` when that is not known. */
  #own: SyncProgress | undefined;
  readonly #count: WorkLoop;
  /** Ends the wait for a turn, to take it; or the time aside. */
  #endWait: () => void = () => undefined;
  #isSilent = false;
  /** Aborted while the page is frozen. */
  #frozen = new AbortController();

  constructor(options: StartSyncOptions) {
    const { store, wakeSources = pageWakeSources, clock = systemClock, random = Math.random } = options;
    const { direction = 'both', live = true } = options;
    this.#store = store;
    this.#direction = direction;
    this.#clock = clock;
    const subject = new StoreSubject(store.recorder, options.subject);
    this.#turns = new ExchangeTurns({
      recorder: store.recorder,
      transport: new HttpTransport({
        ...{
          url: options.url,
          tenant: options.tenant,
          app: options.app,
          replicaId: store.replicaId,
          getToken: options.getToken,
          clock,
        },
        // Bound, because the platform's own insists on its `this`.
        fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      }),
      ...{ direction, bootstrap: options.bootstrap, live: live && direction !== 'push', clock, random },
      ...{ decider: options.application, onRebased: options.onRebased },
      isOffline: () => isOffline(wakeSources),
      admit: () => subject.bind(),
    });
    this.#channel = new SyncChannel(store.name, {
      onStatus: (status) => this.#hear(status),
      onCommand: (command) => this.#obey(command),
      onQuestion: (pending) => this.#answer(pending),
    });
    this.#watch = new LeaderWatch({
      ...{ clock, random },
      ask: () => this.#ask(),
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
    this.#receipts = new UnitReceipts({
      recorder: store.recorder,
      acceptedUpTo: () => this.#status.value.acceptedUpTo,
      isDecidedAgain: options.application !== undefined,
    });
    const { signal } = this.#stop;
    this.#listen(wakeSources, signal);
    this.#ask();
    this.#done = Promise.all([this.#takeTurns(signal), this.#count.start(signal)]).then(() => undefined);
  }

  receipt(of: NotificationId | UnitId): Receipt {
    return this.#receipts.of(of);
  }

  syncNow(): void {
    this.#command('attempt-now');
  }

  pause(): void {
    this.#command('pause');
  }

  resume(): void {
    this.#command('resume');
  }

  async signOut({ pending = 'refuse' }: SignOutOptions = {}): Promise<void> {
    validateWord('pending', pending, ['refuse', 'keep']);
    const { pendingUnits, lostUnits, setAsideUnits } = await this.#store.recorder.syncProgress();
    if (pending === 'refuse' && pendingUnits + lostUnits + setAsideUnits > 0) {
      throw new PendingUnitsError(
        'Something is on this device only, or was set aside. Wait until it is confirmed, export the store, or sign out with pending: "keep": it stays here, and is sent when the same subject signs in again.',
        { details: { pendingUnits, lostUnits, setAsideUnits } },
      );
    }
    this.#channel.postCommand('sign-out');
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.close();
    this.#status.set({ ...this.#status.value, state: 'paused' });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#watch.set(false);
    this.#receipts.close();
    await this.#done;
    this.#channel.close();
    // Nobody looks any more, and recording goes on.
    this.#status.set({ ...this.#status.value, ...ownStatus(undefined), nextAttemptAtMs: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What the surroundings fail with is reported, and costs a reason to try, nothing else. */
  #listen(wakeSources: WakeSources, signal: AbortSignal): void {
    onAbort(
      signal,
      this.#store.onRecorded(() => {
        this.#turns.noteCommit();
        this.#receipts.noteNews();
        if (this.#place !== 'leading') this.#count.wake();
        if (this.#place === 'aside') this.#endWait();
      }),
    );
    callListener(() => {
      const stop = wakeSources.onWake(() => this.#attemptNow());
      onAbort(signal, stop);
    });
    callListener(() => {
      const stop = wakeSources.onFreeze?.((isFrozen) => this.#freeze(isFrozen));
      if (stop !== undefined) onAbort(signal, stop);
    });
  }

  /** Every tab obeys, so that whichever runs next knows of a pause. */
  #command(command: SyncCommand): void {
    this.#obey(command);
    this.#channel.postCommand(command);
  }

  #obey(command: SyncCommand): void {
    if (command === 'attempt-now') this.#attemptNow();
    else if (command === 'sign-out') void this.#end();
    else {
      this.#turns.setPaused(command === 'pause');
      if (this.#place === 'aside') this.#endWait();
    }
  }

  #attemptNow(): void {
    this.#turns.attemptNow();
    this.#watch.hurry();
    if (this.#place === 'aside') this.#endWait();
  }

  /** The turn goes to another tab while this one may still say so: frozen, it would keep it. */
  #freeze(isFrozen: boolean): void {
    if (isFrozen) this.#frozen.abort();
    else {
      this.#frozen = new AbortController();
      this.#endWait();
    }
  }

  /** One turn after another. Where there are no Web Locks several tabs exchange: that wastes requests but breaks nothing. */
  async #takeTurns(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const wait = new AbortController();
      this.#endWait = () => wait.abort();
      const frozen = this.#frozen.signal;
      if (frozen.aborted) {
        await aborted(AbortSignal.any([signal, wait.signal]));
        continue;
      }
      const steal = this.#isSilent;
      this.#isSilent = false;
      await leadInTurn(
        syncLockName(this.#store.name),
        { signal: AbortSignal.any([signal, wait.signal]), steal },
        async (stolen) => {
          this.#turn = this.#lead(AbortSignal.any([signal, stolen, frozen]));
          // Not for the end of what it has begun: a frozen tab comes to none.
          await Promise.race([this.#turn, aborted(frozen)]);
          // Whoever waits is first now. Who had the turn taken away waits like the others.
          if (!stolen.aborted && !frozen.aborted) this.#place = 'aside';
        },
      );
      if (this.#place === 'aside') await this.#standAside(signal);
      await this.#turn;
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    this.#place = 'leading';
    this.#watch.set(false);
    const unsubscribe = this.#turns.status.subscribe((status) => {
      this.#show();
      // What the tab before this one said is truer than that nothing is known yet.
      if (status.state !== 'starting') this.#channel.postStatus(status);
    });
    await this.#turns.run(signal);
    unsubscribe();
    this.#place = 'following';
    this.#heard = undefined;
    this.#count.wake();
  }

  /** Until the next attempt is due. Meanwhile any other tab may have the turn, and show that it does better. */
  async #standAside(signal: AbortSignal): Promise<void> {
    const wait = new AbortController();
    this.#endWait = () => wait.abort();
    await pause(this.#clock, this.#turns.waitMs, AbortSignal.any([signal, wait.signal]));
    this.#place = 'following';
  }

  #ask(): void {
    this.#channel.postQuestion(this.#own?.pendingEvents ?? 0);
  }

  /** What another tab that has the turn says. */
  #hear(status: SyncStatus): void {
    if (this.#place === 'leading') return;
    this.#heard = status;
    this.#watch.heard(AT_WORK.has(status.state) && (this.#own?.pendingEvents ?? 0) > 0);
    // For the case that this tab runs next.
    this.#turns.setPaused(status.state === 'paused');
    this.#show();
  }

  /**
   * Says so when its store has answered: a frozen page of Chromium still hears, while its worker, timers and requests stand
   * still. And looks, where whoever asks knows of events that this tab has not heard of.
   */
  #answer(pending: number): void {
    if (this.#place !== 'leading') return;
    if (pending > (this.#status.value.pending ?? 0)) this.#turns.noteCommit();
    this.#store.recorder.syncProgress().then(
      () => {
        if (this.#place === 'leading') this.#channel.postStatus(this.#status.value);
      },
      // It does not do what it has the turn for.
      () => undefined,
    );
  }

  async #countOwn(): Promise<Rest> {
    const before = this.#own?.pendingEvents ?? 0;
    this.#own = await this.#store.recorder.syncProgress();
    this.#show();
    if (this.#own.pendingEvents > before) this.#watch.hurry();
    return { ms: Infinity };
  }

  /** How it stands is said by whoever has the turn; how much waits, and where the store is, each tab knows by itself. */
  #show(): void {
    const mine = this.#turns.status.value;
    const isMine = this.#place === 'leading' && mine.state !== 'starting';
    const next = isMine ? mine : this.#withOwn(this.#heard ?? mine);
    this.#status.set(next);
    this.#receipts.noteNews();
    this.#watch.set(this.#place === 'following' && next.state !== 'paused');
  }

  #withOwn(said: SyncStatus): SyncStatus {
    const own = ownStatus(this.#own);
    if (this.#own === undefined) return { ...said, ...own };
    const { pendingEvents, position } = this.#own;
    const isBehind = said.state === 'live' && pendingEvents > 0 && this.#direction !== 'pull';
    const head = Math.max(said.head, position);
    return { ...said, ...own, position, head, state: isBehind ? 'waiting' : said.state };
  }
}

/** `false` promises nothing. */
function isOffline(wakeSources: WakeSources): boolean {
  let isSo = false;
  callListener(() => {
    isSo = wakeSources.isOffline();
  });
  return isSo;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, resolve);
  });
}
