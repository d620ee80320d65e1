/**
 * Fills a store before something is measured.
 *
 * @module
 */
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from './contender.js';
import type { EventSource } from './workload.js';

/** Commits `events` events, `perCommit` at a time. */
export async function preload(
  contender: Contender,
  source: EventSource,
  events: number,
  perCommit: number = 100,
): Promise<void> {
  for (let left = events; left > 0; left -= perCommit) {
    await contender.commit(source.take(Math.min(left, perCommit)));
  }
}

/** The next `count` events of a source as if they were of one aggregate, with the versions after `version`. */
export function takeOfAggregate(
  source: EventSource,
  count: number,
  originatorId: string,
  version: number,
): StoredEvent[] {
  return source.take(count).map((event, index) => ({ ...event, originatorId, originatorVersion: version + index + 1 }));
}
