/**
 * Small makers of what tests store.
 *
 * @module
 */
import type { StoredEvent } from '../../src/persistence/stored-event.js';

const textEncoder = new TextEncoder();

/** Events of one aggregate with consecutive versions. */
export function makeEvents(
  count: number,
  options: { originatorId?: string; firstVersion?: number } = {},
): StoredEvent[] {
  const { originatorId = crypto.randomUUID(), firstVersion = 1 } = options;
  return Array.from({ length: count }, (_, index) => ({
    originatorId,
    originatorVersion: firstVersion + index,
    topic: 'stock:Item.Counted',
    state: textEncoder.encode(JSON.stringify({ quantity: firstVersion + index })),
  }));
}
