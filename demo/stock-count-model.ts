/**
 * The state of the app and what a user can do to it. Knows no framework and no element of the page.
 *
 * ```text
 * step / enter ─▶ queue of the item ─▶ EventStore.put ─▶ durable ─▶ read on ─▶ sheet ─▶ whoever watches
 *                        ▲                    │                        ▲
 *                        └── decide anew ◀── taken by another tab      └── recorded by another tab
 * ```
 *
 * What is shown was read back from the store: a number on the screen is a number that is kept.
 *
 * @module
 */
import { EventStore, IntegrityError, JSONTranscoder, Mapper } from 'daybook';
import type { Daybook } from 'daybook';
import type { Sync, SyncStatus } from 'daybook/sync';
import { StateCell } from './state-cell.js';
import type { ReadableCell } from './state-cell.js';
import { countOriginatorId, ITEM_COUNTED } from './stock-events.js';
import type { ItemCounted } from './stock-events.js';
import type { StockItem } from './stock-items.js';
import { StockSheet } from './stock-sheet.js';
import type { EventRow, ItemCount } from './stock-sheet.js';

/** Largest quantity that is taken: more is a slip of the finger. */
export const QUANTITY_MAX = 99_999;

// Events read at once at the start: keeps each transfer from the worker small.
const PAGE_EVENTS_MAX = 500;
// Another tab can be first at the same item; to lose this often in a row, it would have to count without pause.
const COUNT_ATTEMPTS_MAX = 8;

/** All that the page shows of this device. */
export interface StockCountState {
  readonly counts: readonly ItemCount[];
  readonly rows: readonly EventRow[];
  readonly eventsTotal: number;
  readonly sync: SyncStatus;
  /** The user asked for no sending. */
  readonly workOffline: boolean;
  /** What went wrong with the last count; undefined when it was kept. */
  readonly countError: Error | undefined;
}

/** What the model is made of. */
export interface StockCountParts {
  readonly daybook: Pick<Daybook, 'replicaId' | 'recorder' | 'onRecorded'>;
  readonly sync: Pick<Sync, 'status' | 'pushNow' | 'pause' | 'resume'>;
  readonly items: readonly StockItem[];
  readonly now: () => Date;
}

type Decision = (count: ItemCount) => number;

/** The stock count of one device. */
export class StockCountModel {
  readonly #parts: StockCountParts;
  readonly #sheet: StockSheet;
  readonly #mapper = new Mapper<ItemCounted>({ transcoder: new JSONTranscoder() });
  readonly #events: EventStore<ItemCounted>;
  readonly #state: StateCell<StockCountState>;
  // The last count of each item that is not through yet: the next one waits for it, so no click is lost.
  readonly #counting = new Map<string, Promise<void>>();
  #lastReadId = 0;
  #runningRead: Promise<void> = Promise.resolve();
  #waitingRead: Promise<void> | undefined;

  constructor(parts: StockCountParts) {
    this.#parts = parts;
    this.#sheet = new StockSheet(parts.items);
    this.#events = new EventStore({ mapper: this.#mapper, recorder: parts.daybook.recorder });
    const { counts, rows, eventsTotal } = this.#sheet;
    const sync = parts.sync.status.value;
    this.#state = new StateCell<StockCountState>({
      counts,
      rows,
      eventsTotal,
      sync,
      workOffline: false,
      countError: undefined,
    });
  }

  /** The state, to read and to watch. */
  get state(): ReadableCell<StockCountState> {
    return this.#state;
  }

  /** Identifies this device in the warehouse's books. */
  get replicaId(): string {
    return this.#parts.daybook.replicaId;
  }

  /**
   * Reads every count that is kept, then watches for those to come.
   *
   * @returns stops the watching
   */
  async start(): Promise<() => void> {
    const { daybook, sync } = this.#parts;
    const stopRecorded = daybook.onRecorded(() => {
      this.#readOn().catch((error: unknown) => this.#fail(error));
    });
    await this.#readOn();
    const stopStatus = sync.status.subscribe((status) => this.#state.update({ sync: this.#asRead(status) }));
    return () => {
      stopRecorded();
      stopStatus();
    };
  }

  /**
   * Records a count that differs from the last one. Below zero there is nothing: a step that leads there counts 0,
   * and one that changes nothing is not recorded.
   */
  step(sku: string, change: number): Promise<void> {
    return this.#enqueue(sku, ({ quantity }) => Math.min(Math.max(quantity + change, 0), QUANTITY_MAX), false);
  }

  /** Records a count, also when it confirms the last one. */
  enter(sku: string, quantity: number): Promise<void> {
    return this.#enqueue(sku, () => quantity, true);
  }

  /** Stops or goes on with sending, as the user wishes. */
  setWorkOffline(workOffline: boolean): void {
    if (workOffline) this.#parts.sync.pause();
    else this.#parts.sync.resume();
    this.#state.update({ workOffline });
  }

  /** Sends what waits, without waiting for the next attempt. */
  sendNow(): void {
    this.#parts.sync.pushNow();
  }

  /** Never rejects: what went wrong is in the state. */
  #enqueue(sku: string, decide: Decision, recordsSame: boolean): Promise<void> {
    const before = this.#counting.get(sku) ?? Promise.resolve();
    const counting = before
      .then(() => this.#count(sku, decide, recordsSame))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        if (this.#counting.get(sku) === counting) this.#counting.delete(sku);
      });
    this.#counting.set(sku, counting);
    return counting;
  }

  async #count(sku: string, decide: Decision, recordsSame: boolean): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const count = this.#sheet.countOf(sku);
      const quantity = decide(count);
      if (quantity === count.quantity && !recordsSame) return;
      try {
        await this.#events.put([this.#counted(count, quantity)]);
        break;
      } catch (error) {
        if (!(error instanceof IntegrityError) || attempt === COUNT_ATTEMPTS_MAX) throw error;
        await this.#readOn();
      }
    }
    this.#state.update({ countError: undefined });
    await this.#readOn();
  }

  #counted(count: ItemCount, quantity: number): ItemCounted {
    const { item, quantity: previousQuantity, version } = count;
    return {
      originatorId: countOriginatorId(this.replicaId, item.sku),
      originatorVersion: version + 1,
      type: ITEM_COUNTED,
      data: { sku: item.sku, name: item.name, quantity, previousQuantity, countedAt: this.#parts.now().toISOString() },
    };
  }

  /** Resolves when everything that was recorded before the call is in the sheet. One read runs, at most one waits. */
  #readOn(): Promise<void> {
    this.#waitingRead ??= this.#runningRead
      .catch(() => undefined)
      .then(() => {
        this.#waitingRead = undefined;
        this.#runningRead = this.#readPages();
        return this.#runningRead;
      });
    return this.#waitingRead;
  }

  async #readPages(): Promise<void> {
    // What a later version of the app may record beside counts is not for this sheet.
    const [limit, topics] = [PAGE_EVENTS_MAX, [ITEM_COUNTED]];
    for (;;) {
      const start = this.#lastReadId + 1;
      const page = await this.#parts.daybook.recorder.selectNotifications({ start, limit, topics });
      const last = page.at(-1);
      if (last === undefined) return;
      const recorded = await Promise.all(
        page.map(async (stored) => ({ notificationId: stored.id, event: await this.#mapper.toDomainEvent(stored) })),
      );
      this.#sheet.apply(recorded);
      this.#lastReadId = last.id;
      const { counts, rows, eventsTotal } = this.#sheet;
      this.#state.update({ counts, rows, eventsTotal, sync: this.#asRead(this.#parts.sync.status.value) });
      if (page.length < PAGE_EVENTS_MAX) return;
    }
  }

  /** A count that is in the list already is pending, also in the moment before sync has seen it. */
  #asRead(status: SyncStatus): SyncStatus {
    return { ...status, pending: Math.max(status.pending, this.#lastReadId - status.confirmedId) };
  }

  #fail(error: unknown): void {
    this.#state.update({ countError: error instanceof Error ? error : new Error(String(error)) });
  }
}
