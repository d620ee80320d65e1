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
/** Topic of {@link RecountAskedData}. */
export const RECOUNT_ASKED = 'stock:Recount.Asked';
/** Topic of {@link RecountDoneData}. */
export const RECOUNT_DONE = 'stock:Recount.Done';

/** What somebody counted at a shelf. */
export interface ItemCountedData {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly previousQuantity: number;
  /** ISO 8601, UTC, by the device's clock. */
  readonly countedAt: string;
}

/** A count is too far from what was expected to be believed: somebody has to count again. */
export interface RecountAskedData {
  readonly sku: string;
  readonly name: string;
  /** What was expected to lie there. */
  readonly expectedQuantity: number;
  /** What was counted instead. */
  readonly countedQuantity: number;
  /** When it was counted. */
  readonly askedAt: string;
}

/** It was counted again, and two counts agree. */
export interface RecountDoneData {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  /** When it was counted again. */
  readonly doneAt: string;
}

// Made once for this demo; another value would give other aggregates for the same items.
const COUNT_NAMESPACE = '6b7a1f0e-5d0c-4a53-9a6e-0f4f6a1f2c11';

/**
 * The aggregate of one item on one device. The device is part of the name, so no two devices ever write to the
 * same aggregate and their counts cannot conflict.
 */
export function countOriginatorId(replicaId: string, sku: string): string {
  return uuidV5(`${replicaId}/${sku}`, COUNT_NAMESPACE);
}

/** The aggregate of the recounts of one item on one device. */
export function recountOriginatorId(countId: string): string {
  return uuidV5(`${countId}/recount`, COUNT_NAMESPACE);
}
