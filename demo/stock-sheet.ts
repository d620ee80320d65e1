/**
 * What the store holds, as the page shows it: pure.
 *
 * @module
 */
import type { DecidedAgain } from './decided-again.js';
import { changeText } from './plain-words.js';
import { isFarOff } from './recount-task-decider.js';
import type { ItemView, StockView } from './stock-application.js';
import type { StockEntry } from './stock-entries.js';
import type { Counter } from './stock-events.js';
import type { StockItem } from './stock-items.js';
import type { EntryPlace } from './stock-standings.js';

/** Entries in the list on the screen. More would be scrolled by nobody, and each costs elements. */
export const ENTRY_ROWS_MAX = 100;

/** What makes a count doubtful. */
export interface OpenRecount {
  readonly expectedQuantity: number;
  readonly countedQuantity: number;
}

/** Where the count of an item stands. */
export interface ItemCount {
  readonly item: StockItem;
  readonly quantity: number;
  /** Of the last count, whoever made it; undefined before the first. */
  readonly countedAt: Date | undefined;
  readonly countedBy: Counter | undefined;
  /** Where the last entry about it is. */
  readonly place: EntryPlace;
  /** Notification id of that; 0 before the first. */
  readonly lastId: number;
  /** Undefined when nothing is doubtful. */
  readonly recount: OpenRecount | undefined;
  /**
   * Whether the last count asks for a recount, or answers one, as soon as it is in the books: recounts follow from counts
   * that stay.
   */
  readonly recountWaits: boolean;
}

/** One line of the running list. */
export type EntryRow = StockEntry & {
  /** Whether this device recorded it. */
  readonly isOwn: boolean;
  readonly place: EntryPlace;
};

/** What was set aside about one item, and is to be decided by a person. */
export interface SetAsideItem {
  /** Undefined for what is about no item that this page knows. */
  readonly item: StockItem | undefined;
  readonly unitIds: readonly string[];
  /** Why the first of it was set aside. */
  readonly code: string;
  /** As {@link SetAsideCommit.isForeign}: of one of them. */
  readonly isForeign: boolean;
  /** Oldest first; empty when a newer version of this page has recorded it. */
  readonly entries: readonly StockEntry[];
}

/** The view, sorted for the page. */
export interface StockSheet {
  readonly counts: readonly ItemCount[];
  /** Newest first, at most {@link ENTRY_ROWS_MAX}. */
  readonly rows: readonly EntryRow[];
  /** Whether there are more than these. */
  readonly hasMoreRows: boolean;
  readonly setAside: readonly SetAsideItem[];
  /** Until somebody has seen them. */
  readonly decidedAgain: readonly DecidedAgain[];
}

/** Sorts a view that was asked for one entry more than are shown. */
export function stockSheet(view: StockView, deviceId: string): StockSheet {
  const rows = view.entries.flatMap((entry): readonly EntryRow[] => {
    const place = view.places.get(entry.notificationId);
    return place === undefined ? [] : [{ ...entry, isOwn: entry.by?.deviceId === deviceId, place }];
  });
  return {
    counts: view.items.map((item) => itemCount(item, view)),
    rows: rows.slice(0, ENTRY_ROWS_MAX),
    hasMoreRows: view.entries.length > ENTRY_ROWS_MAX,
    setAside: setAsideItems(view),
    decidedAgain: view.decidedAgain,
  };
}

function itemCount({ item, state, recount }: ItemView, { entries, lastIds, places }: StockView): ItemCount {
  const lastCount = entries.find(({ sku, kind }) => sku === item.sku && kind === 'counted');
  const lastId = lastIds.get(item.sku) ?? 0;
  return {
    item,
    quantity: state.quantity ?? item.lastStocktakeQuantity,
    countedAt: state.countedAt === undefined ? undefined : new Date(state.countedAt),
    countedBy: state.countedBy,
    // What left the store in this very moment was set aside, and what stands instead came with the books.
    place: places.get(lastId) ?? 'books',
    lastId,
    recount: recount.status === 'asked' ? recount : undefined,
    recountWaits:
      lastCount?.kind === 'counted' &&
      places.get(lastCount.notificationId) === 'device' &&
      (recount.status === 'asked' || isFarOff(lastCount.previousQuantity, lastCount.quantity)),
  };
}

function setAsideItems({ setAside, items }: StockView): readonly SetAsideItem[] {
  const bySku = new Map<string, SetAsideItem>();
  for (const { unitId, code, isForeign, entries } of setAside) {
    const sku = entries[0]?.sku ?? '';
    const before = bySku.get(sku);
    bySku.set(sku, {
      item: items.find(({ item }) => item.sku === sku)?.item,
      unitIds: [...(before?.unitIds ?? []), unitId],
      code: before?.code ?? code,
      isForeign: isForeign || before?.isForeign === true,
      entries: [...(before?.entries ?? []), ...entries],
    });
  }
  return [...bySku.values()];
}

/** What was set aside, as it could be recorded once more on what is in the books now. */
export type SetAsideOffer = { readonly text: string } & (
  { readonly kind: 'quantity'; readonly quantity: number } | { readonly kind: 'change'; readonly change: number }
);

/** Sums up what was set aside about one item; undefined when it comes to nothing. */
export function setAsideOffer(entries: readonly StockEntry[]): SetAsideOffer | undefined {
  // What was stepped before it was counted is in the count.
  const since = entries.findLastIndex(({ kind }) => kind === 'counted');
  const counted = entries[since];
  const change = entries
    .slice(since + 1)
    .reduce((sum, entry) => sum + (entry.kind === 'stepped' ? entry.quantity - entry.previousQuantity : 0), 0);
  if (counted?.kind === 'counted') {
    const quantity = Math.max(counted.quantity + change, 0);
    return { kind: 'quantity', quantity, text: quantity.toLocaleString() };
  }
  return change === 0 ? undefined : { kind: 'change', change, text: changeText(0, change) };
}
