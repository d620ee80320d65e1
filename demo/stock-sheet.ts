import type { ItemCounted } from './stock-events.js';
import type { StockItem } from './stock-items.js';

/** Events in the list on the screen. More would be scrolled by nobody, and each costs elements. */
export const EVENT_ROWS_MAX = 200;

/** Where the count of an item stands on this device. */
export interface ItemCount {
  readonly item: StockItem;
  readonly quantity: number;
  /** Version of the last count; 0 before the first. */
  readonly version: number;
  /** Notification id of the last count; 0 before the first. */
  readonly notificationId: number;
  /** Of the last count; undefined before the first. */
  readonly countedAt: Date | undefined;
}

/** One line of the running list. */
export interface EventRow {
  readonly notificationId: number;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly previousQuantity: number;
  readonly countedAt: Date;
}

/** What the events of this device add up to. Knows no store: it is told events, in their order. */
export class StockSheet {
  readonly #counts: Map<string, ItemCount>;
  #rows: readonly EventRow[] = [];
  #eventsTotal = 0;

  constructor(items: readonly StockItem[]) {
    this.#counts = new Map(items.map((item) => [item.sku, notCounted(item)]));
  }

  /** In the order of the shelves. */
  get counts(): readonly ItemCount[] {
    return [...this.#counts.values()];
  }

  /** Newest first, at most {@link EVENT_ROWS_MAX}. */
  get rows(): readonly EventRow[] {
    return this.#rows;
  }

  /** All counts of this device, also those that {@link StockSheet.rows} no longer shows. */
  get eventsTotal(): number {
    return this.#eventsTotal;
  }

  /** @throws RangeError when the warehouse has no such item */
  countOf(sku: string): ItemCount {
    const count = this.#counts.get(sku);
    if (count === undefined) throw new RangeError(`There is no item ${sku} in this warehouse.`);
    return count;
  }

  /** Takes in events, oldest first, each with its notification id. */
  apply(recorded: readonly { readonly notificationId: number; readonly event: ItemCounted }[]): void {
    const rows: EventRow[] = [];
    for (const { notificationId, event } of recorded) {
      const { countedAt: countedAtText, ...data } = event.data;
      const countedAt = new Date(countedAtText);
      rows.unshift({ notificationId, ...data, countedAt });
      const count = this.#counts.get(data.sku);
      // An item that is no longer kept stays in the list of events, without a line of its own.
      if (count === undefined) continue;
      const { quantity } = data;
      this.#counts.set(data.sku, { ...count, quantity, version: event.originatorVersion, notificationId, countedAt });
    }
    this.#eventsTotal += rows.length;
    this.#rows = [...rows, ...this.#rows].slice(0, EVENT_ROWS_MAX);
  }
}

function notCounted(item: StockItem): ItemCount {
  return { item, quantity: item.lastStocktakeQuantity, version: 0, notificationId: 0, countedAt: undefined };
}
