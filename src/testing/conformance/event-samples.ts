/**
 * Events to test with.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { StoredEvent } from '../../persistence/stored-event.js';

const textEncoder = new TextEncoder();

/** A random aggregate id. */
export function newOriginatorId(): string {
  return uuidV4();
}

/** A stored event with a small JSON state that names its version. */
export function sampleEvent(originatorId: string, originatorVersion: number, topic: string = 'topic1'): StoredEvent {
  return {
    originatorId,
    originatorVersion,
    topic,
    state: textEncoder.encode(JSON.stringify({ version: originatorVersion, text: 'é 🐈 \u0000' })),
  };
}

/** Events of one aggregate with versions from `first` to `last`. */
export function sampleEvents(originatorId: string, first: number, last: number): StoredEvent[] {
  const events: StoredEvent[] = [];
  for (let version = first; version <= last; version++) events.push(sampleEvent(originatorId, version));
  return events;
}
