/**
 * Small makers of what tests store and push.
 *
 * @module
 */
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { toPushRequest } from '../../src/sync/protocol/index.js';
import type { PushRequest } from '../../src/sync/protocol/index.js';

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

/** A push of events under consecutive ids. */
export function makePush(
  events: readonly StoredEvent[],
  options: { replicaId?: string; after?: number; firstId?: number } = {},
): PushRequest {
  const { replicaId = crypto.randomUUID(), after = 0, firstId = after + 1 } = options;
  return toPushRequest(
    replicaId,
    after,
    events.map((event, index) => ({ id: firstId + index, ...event })),
  );
}
