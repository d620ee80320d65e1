/**
 * The one event of the demo, and the aggregate that it belongs to.
 *
 * Has no relative imports, because the demo's server reads it too and Node resolves no `.js` to a `.ts` file.
 *
 * @module
 */
import type { DomainEvent } from 'daybook';
import { v5 as uuidV5 } from 'uuid';

/** Topic of {@link ItemCounted}. */
export const ITEM_COUNTED = 'stock:Item.Counted';

/** What somebody counted at a shelf. */
export interface ItemCountedData {
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly previousQuantity: number;
  /** ISO 8601, UTC, by the device's clock. */
  readonly countedAt: string;
}

/** Somebody confirmed the quantity of an item. */
export type ItemCounted = DomainEvent<typeof ITEM_COUNTED, ItemCountedData>;

// Made once for this demo; another value would give other aggregates for the same items.
const COUNT_NAMESPACE = '6b7a1f0e-5d0c-4a53-9a6e-0f4f6a1f2c11';

/**
 * The aggregate of one item on one device. The device is part of the name, so no two devices ever write to the
 * same aggregate and their counts cannot conflict.
 */
export function countOriginatorId(replicaId: string, sku: string): string {
  return uuidV5(`${replicaId}/${sku}`, COUNT_NAMESPACE);
}
