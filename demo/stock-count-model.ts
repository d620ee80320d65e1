/**
 * The state of the page and what a user can do to it. Knows no framework and no element of the page.
 *
 * ```text
 * step / enter ─▶ queue of the item ─▶ StockApplication ─▶ durable ─▶ read model, log ─▶ state ─▶ whoever watches
 *                                                                          ▲
 *                                                                          └── recorded by another tab, or a process
 * ```
 *
 * What is shown was read back from the store: a number on the screen is a number that is kept.
 *
 * @module
 */
import { ObservableValue } from 'daybook';
import type { Daybook, Observable, SqlRecorder } from 'daybook';
import type { Sync, SyncStatus } from 'daybook/sync';
import { StockApplication } from './stock-application.js';
import type { StockItem } from './stock-items.js';
import type { OpenRecount } from './stock-levels.js';
import { EVENT_ROWS_MAX, itemCounts, withNewer } from './stock-sheet.js';
import type { EntryRow, ItemCount } from './stock-sheet.js';

/** All that the page shows of this device. */
export interface StockCountState {
  readonly counts: readonly ItemCount[];
  /** What has to be counted again, the one that waits longest first. */
  readonly recounts: readonly OpenRecount[];
  readonly rows: readonly EntryRow[];
  /** All events of this device, also those that `rows` no longer shows. */
  readonly entriesTotal: number;
  readonly sync: SyncStatus;
  /** Everything up to this notification is in the books, or was never this device's to send. */
  readonly confirmedId: number;
  /** The user asked for no sending. */
  readonly workOffline: boolean;
  /** What went wrong with the last count; undefined when it was kept. */
  readonly countError: Error | undefined;
  /** Why recounts are no longer asked for; undefined while they are. */
  readonly recountError: Error | undefined;
}

/** What the model is made of. */
export interface StockCountParts {
  readonly daybook: Pick<Daybook, 'replicaId' | 'onRecorded'>;
  /** Of the daybook. */
  readonly recorder: SqlRecorder;
  readonly sync: Pick<Sync, 'status' | 'syncNow' | 'pause' | 'resume'>;
  /** Gives the notification id of the first event that waits to be sent; undefined when none does. */
  readonly firstPendingId: () => Promise<number | undefined>;
  readonly items: readonly StockItem[];
  readonly now: () => Date;
}

/** The stock count of one device. */
export class StockCountModel {
  readonly #parts: StockCountParts;
  readonly #application: StockApplication;
  readonly #state: ObservableValue<StockCountState>;
  // The last count of each item that is not through yet: the next one waits for it, so no click is lost.
  readonly #counting = new Map<string, Promise<void>>();
  #lastReadId = 0;
  #runningRead: Promise<void> = Promise.resolve();
  #waitingRead: Promise<void> | undefined;

  constructor(parts: StockCountParts) {
    const { daybook, recorder, sync, items, now } = parts;
    this.#parts = parts;
    this.#application = new StockApplication({
      recorder,
      onRecorded: (listener) => daybook.onRecorded(listener),
      replicaId: daybook.replicaId,
      now,
    });
    this.#state = new ObservableValue<StockCountState>({
      counts: itemCounts(items, { levels: [], recounts: [], entriesTotal: 0 }),
      recounts: [],
      rows: [],
      entriesTotal: 0,
      sync: sync.status.value,
      confirmedId: 0,
      workOffline: false,
      countError: undefined,
      recountError: undefined,
    });
  }

  /** The state, to read and to watch. */
  get state(): Observable<StockCountState> {
    return this.#state;
  }

  /** Identifies this device in the warehouse's books. */
  get replicaId(): string {
    return this.#parts.daybook.replicaId;
  }

  /**
   * Reads what is kept, then watches for what is to come.
   *
   * @returns stops the watching
   */
  async start(): Promise<() => Promise<void>> {
    const { daybook, sync } = this.#parts;
    await this.#application.start();
    const stopRecorded = daybook.onRecorded(() => {
      this.#readOn().catch((error: unknown) => this.#fail(error));
    });
    this.#lastReadId = Math.max(0, (await this.#application.head()) - EVENT_ROWS_MAX);
    await this.#readOn();
    const stopStatus = sync.status.subscribe((status) => this.#update({ sync: asRead(status, this.#state.value) }));
    const stopRecounts = this.#application.recountStatus.subscribe(({ state, lastError }) => {
      // While it waits for storage it goes on by itself, and a count says the same in better words.
      if (state === 'stopped' && lastError !== undefined) this.#update({ recountError: asError(lastError) });
    });
    return async () => {
      stopRecorded();
      stopStatus();
      stopRecounts();
      await this.#application.close();
    };
  }

  /**
   * Records a count that differs from the last one. Below zero there is nothing: a step that leads there counts 0,
   * and one that changes nothing is not recorded.
   */
  step(sku: string, change: number): Promise<void> {
    return this.#enqueue(sku, (item) => this.#application.step(item, change));
  }

  /** Records a count, also when it confirms the last one. */
  enter(sku: string, quantity: number): Promise<void> {
    return this.#enqueue(sku, (item) => this.#application.count(item, quantity));
  }

  /** Stops or goes on with sending, as the user wishes. */
  setWorkOffline(workOffline: boolean): void {
    if (workOffline) this.#parts.sync.pause();
    else this.#parts.sync.resume();
    this.#update({ workOffline });
  }

  /** Sends what waits, without waiting for the next attempt. */
  sendNow(): void {
    this.#parts.sync.syncNow();
  }

  /** Never rejects: what went wrong is in the state. */
  #enqueue(sku: string, count: (item: StockItem) => Promise<void>): Promise<void> {
    const before = this.#counting.get(sku) ?? Promise.resolve();
    const counting = before
      .then(() => this.#count(sku, count))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        if (this.#counting.get(sku) === counting) this.#counting.delete(sku);
      });
    this.#counting.set(sku, counting);
    return counting;
  }

  async #count(sku: string, count: (item: StockItem) => Promise<void>): Promise<void> {
    const item = this.#parts.items.find((known) => known.sku === sku);
    if (item === undefined) throw new RangeError(`There is no item ${sku} in this warehouse.`);
    await count(item);
    this.#update({ countError: undefined });
    await this.#readOn();
  }

  /** Resolves when everything that was recorded before the call is in the state. One read runs, at most one waits. */
  #readOn(): Promise<void> {
    this.#waitingRead ??= this.#runningRead
      .catch(() => undefined)
      .then(() => {
        this.#waitingRead = undefined;
        this.#runningRead = this.#read();
        return this.#runningRead;
      });
    return this.#waitingRead;
  }

  async #read(): Promise<void> {
    // Asked in one go, because each question to the worker takes its time.
    const [newer, view] = await Promise.all([
      this.#application.eventsAfter(this.#lastReadId),
      this.#application.view(),
    ]);
    this.#lastReadId = newer.at(-1)?.notificationId ?? this.#lastReadId;
    // After the events: what is recorded between the two is not said to be in the books.
    const firstPendingId = (await this.#parts.firstPendingId()) ?? Infinity;
    const confirmedId = Math.min(this.#lastReadId, firstPendingId - 1);
    const rows = withNewer(this.#state.value.rows, newer);
    this.#update({
      counts: itemCounts(this.#parts.items, view),
      recounts: view.recounts,
      rows,
      entriesTotal: view.entriesTotal,
      confirmedId,
      sync: asRead(this.#parts.sync.status.value, { rows, confirmedId }),
    });
  }

  #update(change: Partial<StockCountState>): void {
    this.#state.set({ ...this.#state.value, ...change });
  }

  #fail(error: unknown): void {
    this.#update({ countError: asError(error) });
  }
}

/** How much is pending is for sync to say. What the list shows as not sent is, also in the moment before sync has seen it. */
function asRead(status: SyncStatus, { rows, confirmedId }: Pick<StockCountState, 'rows' | 'confirmedId'>): SyncStatus {
  const shownUnsent = rows.filter(({ notificationId }) => notificationId > confirmedId).length;
  const { pending = 0 } = status;
  return shownUnsent > pending ? { ...status, pending: shownUnsent } : status;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
