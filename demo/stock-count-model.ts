/**
 * The state of the page and what a user can do to it. Knows no framework and no element of the page.
 *
 * ```text
 * step / enter ─▶ queue of the item ─▶ StockApplication ─▶ durable ─▶ read model ─▶ state ─▶ whoever watches
 *                                                                        ▲     (a live query)
 *                       recorded by another tab, a process, or another device whose counts have come
 * ```
 *
 * What is shown was read back from the store: a number on the screen is a number that is kept.
 *
 * @module
 */
import { ObservableValue } from 'daybook';
import type { Daybook, Observable } from 'daybook';
import type { LiveQuery } from 'daybook/live';
import type { Sync, SyncStatus } from 'daybook/sync';
import type { StockApplication } from './stock-application.js';
import type { StockItem } from './stock-items.js';
import { ENTRY_ROWS_MAX, setAsideOffer, stockSheet } from './stock-sheet.js';
import type { SetAsideItem, StockSheet } from './stock-sheet.js';

/** All that the page shows of this device. */
export interface StockCountState extends StockSheet {
  readonly sync: SyncStatus;
  /** What the person in front of this device goes by. */
  readonly counterName: string;
  /** Entries that were there when the page was opened have ids up to this one. */
  readonly openedAtId: number;
  /** The user asked for no sending. */
  readonly workOffline: boolean;
  /** What went wrong with the last count; undefined when it was kept. */
  readonly countError: Error | undefined;
  /** Why recounts are no longer asked for; undefined while they are. */
  readonly recountError: Error | undefined;
  /** Why the list of entries does not go on with those of others; undefined while it does. */
  readonly entriesError: Error | undefined;
}

/** What the model is made of. */
export interface StockCountParts {
  readonly daybook: Pick<Daybook, 'replicaId'>;
  /** Of the daybook, and started. It is closed with the model. */
  readonly application: StockApplication;
  readonly sync: Pick<Sync, 'status' | 'syncNow' | 'pause' | 'resume'>;
  readonly items: readonly StockItem[];
  readonly counterName: string;
}

const NOTHING: StockSheet = { counts: [], rows: [], hasMoreRows: false, setAside: [], decidedAgain: [] };

/** The stock count, on one device. */
export class StockCountModel {
  readonly #parts: StockCountParts;
  readonly #state: ObservableValue<StockCountState>;
  // The last count of each item that is not through yet: the next one waits for it, so no click is lost.
  readonly #counting = new Map<string, Promise<void>>();
  readonly #sheet: LiveQuery<StockSheet>;

  constructor(parts: StockCountParts) {
    const { application, daybook, items, sync, counterName } = parts;
    this.#parts = parts;
    this.#sheet = application.watch(items, ENTRY_ROWS_MAX + 1, (view) => stockSheet(view, daybook.replicaId));
    this.#state = new ObservableValue<StockCountState>({
      ...NOTHING,
      sync: sync.status.value,
      counterName,
      openedAtId: 0,
      workOffline: false,
      countError: undefined,
      recountError: undefined,
      entriesError: undefined,
    });
  }

  /** The state, to read and to watch. Holds the items once the model was started. */
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
    const { application, sync } = this.#parts;
    const stopSheet = this.#sheet.subscribe(({ status, data, error }) => {
      if (status === 'failed') this.#fail(error);
      else if (status === 'current') this.#update({ ...data, sync: asRead(sync.status.value, data) });
    });
    await this.#sheet.refresh();
    const { status: read, error } = this.#sheet.value;
    if (read === 'failed') {
      stopSheet();
      throw error;
    }
    this.#update({ openedAtId: Math.max(0, ...this.#state.value.counts.map(({ lastId }) => lastId)) });
    const stopStatus = sync.status.subscribe((status) => this.#update({ sync: asRead(status, this.#state.value) }));
    const stopRecounts = application.recountStatus.subscribe(({ state, lastError }) => {
      // While it waits for storage it goes on by itself, and a count says the same in better words.
      if (state === 'stopped' && lastError !== undefined) this.#update({ recountError: asError(lastError) });
    });
    const stopEntries = application.entriesStatus.subscribe((status) => {
      if (status.state === 'stopped' && status.lastError !== undefined) {
        this.#update({ entriesError: asError(status.lastError) });
      }
    });
    return async () => {
      for (const stop of [stopSheet, stopStatus, stopRecounts, stopEntries]) stop();
      await application.close();
    };
  }

  /**
   * Records that there are so many more, or fewer. Below zero there is nothing: a step that leads there counts 0, and one
   * that changes nothing is not recorded.
   */
  step(sku: string, change: number): Promise<void> {
    const { application } = this.#parts;
    return this.#enqueue(sku, (item) => application.step(item, change, this.#state.value.counterName));
  }

  /** Records a count, also when it confirms the last one. What was set aside about the item is given up for it. */
  enter(sku: string, quantity: number): Promise<void> {
    const { application } = this.#parts;
    return this.#enqueue(sku, async (item) => {
      // What is shown of it: whoever counts an item anew has seen what was set aside about it.
      const seen = this.#state.value.setAside.find((aside) => aside.item?.sku === sku);
      await application.count(item, quantity, this.#state.value.counterName);
      await application.giveUp(seen?.unitIds ?? []);
    });
  }

  /** Records what was set aside about an item after all, on what is in the books now. */
  retry({ item: of, entries, unitIds }: SetAsideItem): Promise<void> {
    const { application } = this.#parts;
    return this.#enqueue(of?.sku ?? '', async (item) => {
      const offer = setAsideOffer(entries);
      const last = entries.at(-1);
      if (offer?.kind !== 'quantity' || last?.by === undefined) await application.retry(unitIds);
      else await application.useSetAside(item, { unitIds, quantity: offer.quantity, at: last.at, by: last.by });
    });
  }

  /** Lets what is in the books stand, and gives up what was set aside about an item, for good. */
  giveUp({ item: of, unitIds }: SetAsideItem): Promise<void> {
    return this.#enqueue(of?.sku ?? '', () => this.#parts.application.giveUp(unitIds));
  }

  /** Takes that the person has seen what was decided again. */
  dismiss(unitIds: readonly string[]): Promise<void> {
    return this.#parts.application.dismiss(unitIds).catch((error: unknown) => this.#fail(error));
  }

  /** From the next count on, this is who counts. */
  setCounterName(counterName: string): void {
    this.#update({ counterName });
  }

  /** Stops or goes on with sending and fetching, as the user wishes. */
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
    // What is shown is what was kept.
    await this.#sheet.refresh();
  }

  #update(change: Partial<StockCountState>): void {
    this.#state.set({ ...this.#state.value, ...change });
  }

  #fail(error: unknown): void {
    this.#update({ countError: asError(error) });
  }
}

/** How much is pending is for sync to say. What the list shows as not sent is, also in the moment before sync has seen it. */
function asRead(status: SyncStatus, { rows }: Pick<StockSheet, 'rows'>): SyncStatus {
  const shownUnsent = rows.filter(({ place, isOwn }) => isOwn && place === 'device').length;
  const { pending } = status;
  // Not known is not known: what a server has lost, for example, may be there all the same.
  return pending !== undefined && shownUnsent > pending ? { ...status, pending: shownUnsent } : status;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
