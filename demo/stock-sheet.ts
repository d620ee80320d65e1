import type { StockEvent } from './stock-application.js';
import type { StockItem } from './stock-items.js';
import type { OpenRecount, StockView } from './stock-levels.js';

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
  /** What is doubtful about it; undefined when nothing is. */
  readonly recount: OpenRecount | undefined;
}

/** What every line of the running list has. */
interface EntryBase {
  readonly notificationId: number;
  readonly sku: string;
  readonly name: string;
  readonly at: Date;
}

/** One line of the running list. */
export type EntryRow = EntryBase &
  (
    | { readonly kind: 'counted'; readonly quantity: number; readonly previousQuantity: number }
    | { readonly kind: 'recount-asked'; readonly expectedQuantity: number; readonly countedQuantity: number }
    | { readonly kind: 'recount-done'; readonly quantity: number }
  );

/** Every item with what is known of it, in the order of the shelves. */
export function itemCounts(items: readonly StockItem[], { levels, recounts }: StockView): readonly ItemCount[] {
  const levelOf = new Map(levels.map((level) => [level.sku, level]));
  const recountOf = new Map(recounts.map((recount) => [recount.sku, recount]));
  return items.map((item) => {
    const level = levelOf.get(item.sku);
    return {
      item,
      quantity: level?.quantity ?? item.lastStocktakeQuantity,
      version: level?.version ?? 0,
      notificationId: level?.notificationId ?? 0,
      countedAt: level?.countedAt,
      recount: recountOf.get(item.sku),
    };
  });
}

/** Puts newer events before the lines that there are, newest first, at most {@link EVENT_ROWS_MAX}. */
export function withNewer(rows: readonly EntryRow[], events: readonly StockEvent[]): readonly EntryRow[] {
  return [...events.map(entryRow).reverse(), ...rows].slice(0, EVENT_ROWS_MAX);
}

function entryRow(event: StockEvent): EntryRow {
  const { notificationId } = event;
  const { sku, name } = event.data;
  const base = { notificationId, sku, name };
  switch (event.type) {
    case 'Counted': {
      const { quantity, previousQuantity, countedAt } = event.data;
      return { ...base, kind: 'counted', at: new Date(countedAt), quantity, previousQuantity };
    }
    case 'Asked': {
      const { expectedQuantity, countedQuantity, askedAt } = event.data;
      return { ...base, kind: 'recount-asked', at: new Date(askedAt), expectedQuantity, countedQuantity };
    }
    case 'Done':
      return { ...base, kind: 'recount-done', at: new Date(event.data.doneAt), quantity: event.data.quantity };
  }
}
