/**
 * The events of the demo, and the aggregates that they belong to.
 *
 * Has no relative imports, because the demo's server reads it too and Node resolves no `.js` to a `.ts` file.
 *
 * @module
 */
import { v5 as uuidV5 } from 'uuid';

/** Topic of {@link ItemCountedData}. */
export const ITEM_COUNTED = 'stock:Item.Counted';
/** Topic of {@link ItemSteppedData}. */
export const ITEM_STEPPED = 'stock:Item.Stepped';
/** Topic of {@link RecountAskedData}. */
export const RECOUNT_ASKED = 'stock:Recount.Asked';
/** Topic of {@link RecountDoneData}. */
export const RECOUNT_DONE = 'stock:Recount.Done';

/** Who counted: a device, and what the person in front of it goes by. */
export interface Counter {
  /** Replica id of the device's store. */
  readonly deviceId: string;
  readonly name: string;
}

/** What every event of the demo says. */
interface StockEventData {
  readonly sku: string;
  readonly name: string;
  /** Absent from events that were recorded before a count said who made it. */
  readonly countedBy?: Counter | undefined;
}

/** What both kinds of counts say. */
interface CountData extends StockEventData {
  /** What it was before, as this device knew it. */
  readonly previousQuantity: number;
  /** ISO 8601, UTC, by the device's clock. */
  readonly countedAt: string;
}

/** What somebody counted at a shelf: so many lie there, whatever was thought before. */
export interface ItemCountedData extends CountData {
  readonly quantity: number;
}

/** So many more were found, or fewer, than were known of. */
export interface ItemSteppedData extends CountData {
  readonly change: number;
}

/** A count is too far from what was expected to be believed: somebody has to count again. */
export interface RecountAskedData extends StockEventData {
  /** What was expected to lie there. */
  readonly expectedQuantity: number;
  /** What was counted instead. */
  readonly countedQuantity: number;
  /** When it was counted. */
  readonly askedAt: string;
}

/** It was counted again, and two counts agree. */
export interface RecountDoneData extends StockEventData {
  readonly quantity: number;
  /** When it was counted again. */
  readonly doneAt: string;
}

// Made once for this demo; another value would give other aggregates for the same items.
const RECOUNT_NAMESPACE = '6b7a1f0e-5d0c-4a53-9a6e-0f4f6a1f2c11';

/** The aggregate of the recounts of an item, the same on every device. */
export function recountOriginatorId(itemId: string): string {
  return uuidV5(`${itemId}/recount`, RECOUNT_NAMESPACE);
}
