/**
 * A tab: the real store on the simulated journal, the real application, the real synchronisation.
 *
 * @module
 */
import type { SeededRandom } from '../../soak/seeded-random.js';
import { Application } from '../../../src/application/application.js';
import type { TruncateHistoryOptions } from '../../../src/application/aggregates/history-truncation.js';
import type { RebasedUnit } from '../../../src/application/commands/rebased-unit.js';
import { ImagedReplica } from '../../../src/host/imaged-replica.js';
import { BackgroundCheckpoints } from '../../../src/persistence/journal/background-checkpoints.js';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { SqliteOwnTables } from '../../../src/persistence/sqlite/own-tables/sqlite-own-tables.js';
import type { UnitDecider } from '../../../src/sync/exchange/page-intake.js';
import { serverHistory } from '../../../src/sync/exchange/server-history.js';
import type { ServerHistory } from '../../../src/sync/exchange/server-history.js';
import { startSync } from '../../../src/sync/tabs/start-sync.js';
import type { Sync } from '../../../src/sync/tabs/start-sync-options.js';
import type { SyncStore } from '../../../src/sync/sync-store.js';
import { uuidOf } from '../machine/platform.js';
import type { SimProcess } from '../machine/sim-process.js';
import type { SimStorage } from '../machine/sim-storage.js';
import { STOCKS } from './stock.js';
import type { Release } from './stock.js';

/** What can be done to a tab for a test. */
export interface WrapTab {
  readonly recorder?: ((recorder: SyncStore['recorder'], process: SimProcess) => SyncStore['recorder']) | undefined;
  readonly decider?: ((decider: UnitDecider<RebasedUnit>) => UnitDecider<RebasedUnit>) | undefined;
}

/** What a tab is opened with. */
export interface SimTabOptions {
  /** Of the store; no other device has one of this name. */
  readonly name: string;
  readonly replicaId: string;
  readonly storage: SimStorage;
  readonly process: SimProcess;
  readonly random: SeededRandom;
  readonly release: Release;
  readonly live: boolean;
  readonly bootstrap: boolean;
  readonly fetch: typeof globalThis.fetch;
  readonly getToken: (options: { readonly force: boolean }) => string;
  readonly saysOffline: () => boolean;
  readonly wrap: WrapTab;
  readonly onRebased: (units: readonly RebasedUnit[]) => void;
  /** Told of each record that this tab has appended. */
  readonly onAppended: (position: number) => void;
}

/** A tab, from the moment at which it begins to open. */
export class SimTab {
  readonly process: SimProcess;
  readonly release: Release;
  app!: Application;
  recorder!: DurableRecorder;
  isOpen = false;
  readonly #options: SimTabOptions;
  readonly #random: SeededRandom;
  readonly #listeners = new Set<() => void>();
  readonly #wakers = new Set<() => void>();
  readonly #freezers = new Set<(isFrozen: boolean) => void>();
  #sync: Sync | undefined;
  #history!: ServerHistory;
  #checkpoints: BackgroundCheckpoints | undefined;
  #hinted = 0;

  constructor(options: SimTabOptions) {
    this.#options = options;
    this.process = options.process;
    this.release = options.release;
    this.#random = options.random;
  }

  /** @throws what opening fails with */
  async open(): Promise<void> {
    const { storage, process, name, replicaId, random, wrap } = this.#options;
    const { clock } = process;
    const database = await openSqlJs();
    process.onDeath(() => database.close());
    const images = new ImagedReplica(database, clock);
    const recorder = await DurableRecorder.open({
      replica: images.create(),
      images,
      ownTables: new SqliteOwnTables({ database, clock }),
      journal: storage.connect(process),
      clock,
      onApplied: (position, own) => this.#onApplied(position, own),
    });
    this.recorder = recorder;
    this.#checkpoints = new BackgroundCheckpoints({ source: recorder, clock, alone: (work) => work() });
    const { live, bootstrap, fetch, getToken, saysOffline, onRebased } = this.#options;
    const url = 'http://stock.test';
    this.#history = serverHistory({ url, replicaId, getToken, fetch, clock });
    this.app = new Application({
      ...{ recorder, aggregates: [STOCKS[this.release]], keepCommands: true, clock },
      olderEvents: this.#history.olderEvents,
      random: () => random.next(),
      newEventId: () => uuidOf(random),
      onRecorded: (listener) => this.#onRecorded(listener),
    });
    recorder.noteHead(this.#hinted);
    this.isOpen = true;
    this.#sync = startSync<RebasedUnit>({
      store: {
        ...{ name, replicaId },
        recorder: wrap.recorder?.(recorder, process) ?? recorder,
        onRecorded: (listener) => this.#onRecorded(listener),
      },
      application: wrap.decider?.(this.app) ?? this.app,
      ...{ url, live, bootstrap, clock, fetch, getToken, onRebased },
      random: () => random.next(),
      wakeSources: {
        isOffline: saysOffline,
        onWake: (listener) => joined(this.#wakers, listener),
        onFreeze: (listener) => joined(this.#freezers, listener),
      },
    });
  }

  /** Says that another tab has recorded something. */
  noteHead(position: number): void {
    this.#hinted = Math.max(this.#hinted, position);
    if (this.isOpen) this.recorder.noteHead(position);
  }

  /** The network or a person is back, or gone. */
  wake(): void {
    for (const waker of this.#wakers) waker();
  }

  setPaused(isPaused: boolean): void {
    if (isPaused) this.#sync?.pause();
    else this.#sync?.resume();
  }

  /** Lets history leave that the server says it has, too. */
  async truncate(keep: Pick<TruncateHistoryOptions, 'keepMs' | 'keepEvents'>): Promise<number> {
    const { digests } = this.#history;
    return (await this.app.truncateHistory({ ...keep, digests })).aggregates.length;
  }

  /** Stands still from now on, with or without a word before. */
  freeze(isTold: boolean): void {
    if (isTold) for (const freezer of this.#freezers) freezer(true);
    this.process.freeze();
  }

  thaw(): void {
    this.process.thaw();
    for (const freezer of this.#freezers) freezer(false);
  }

  /** As a page that is left. */
  async close(): Promise<void> {
    this.isOpen = false;
    this.#checkpoints?.close();
    await this.#sync?.close();
    await this.recorder.close();
    this.process.kill();
  }

  get state(): string {
    return this.#sync?.status.value.state ?? 'closed';
  }

  get error(): Error | undefined {
    return this.#sync?.status.value.lastError;
  }

  #onRecorded(listener: () => void): () => void {
    return joined(this.#listeners, listener);
  }

  #onApplied(position: number, own: boolean): void {
    if (own) this.#options.onAppended(position);
    // Not before its time: as a message that comes from a worker.
    this.process.after(this.#random.between(0, 2), () => {
      for (const listener of this.#listeners) listener();
      this.#checkpoints?.note();
    });
  }
}

function joined<T>(set: Set<T>, member: T): () => void {
  set.add(member);
  return () => set.delete(member);
}
