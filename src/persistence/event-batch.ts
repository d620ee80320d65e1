/**
 * The packed form of events: what crosses the worker boundary as one transferred buffer, and what a journal
 * record carries. A page of rows crosses many times faster as one buffer than as thousands of objects.
 *
 * ```text
 * u8      flags: bit 0 = every event is preceded by its notification id; other bits must be 0
 * varint  count of topics
 *           each: varint length, UTF-8 text
 * varint  count of events
 *           each: [varint notification id]  16 bytes originator id (a UUID)  varint originator version
 *                 varint index of the topic  varint length of the state, the state
 * ```
 *
 * Valid if and only if: (1) no flag is set but bit 0, (2) every topic index is below the count of topics,
 * (3) the bytes end where the last event ends. The format has no version of its own: its containers have.
 *
 * @module
 */
import { ByteReader } from '../util/byte-reader.js';
import { ByteWriter } from '../util/byte-writer.js';
import { LastUuid } from '../util/last-uuid.js';
import { UUID_BYTES } from '../util/uuid-bytes.js';
import { DataError } from './errors.js';
import type { Notification, StoredEvent } from './stored-event.js';

const FLAG_IDS = 1;
// Of an event beside its state: id, version, topic index and lengths. A guess to reserve by, not a limit.
const EVENT_OVERHEAD_BYTES = 32;

/** Packs events into one buffer of their own. */
export function packEvents(events: readonly StoredEvent[]): Uint8Array<ArrayBuffer> {
  return pack(events, undefined);
}

/** Packs events with their notification ids into one buffer of their own. */
export function packNotifications(notifications: readonly Notification[]): Uint8Array<ArrayBuffer> {
  return pack(
    notifications,
    notifications.map((notification) => notification.id),
  );
}

function pack(events: readonly StoredEvent[], ids: readonly number[] | undefined): Uint8Array<ArrayBuffer> {
  const topicIndexes = new Map<string, number>();
  let stateBytes = 0;
  for (const event of events) {
    if (!topicIndexes.has(event.topic)) topicIndexes.set(event.topic, topicIndexes.size);
    stateBytes += event.state.length;
  }
  const uuids = new LastUuid();
  const writer = new ByteWriter(64 + stateBytes + events.length * EVENT_OVERHEAD_BYTES);
  writer.u8(ids === undefined ? 0 : FLAG_IDS);
  writer.varint(topicIndexes.size);
  for (const topic of topicIndexes.keys()) writer.text(topic);
  writer.varint(events.length);
  events.forEach((event, index) => {
    if (ids !== undefined) writer.varint(ids[index] as number);
    writer.raw(uuids.toBytes(event.originatorId));
    writer.varint(event.originatorVersion);
    writer.varint(topicIndexes.get(event.topic) as number);
    writer.sized(event.state);
  });
  return writer.finish();
}

/**
 * Unpacks what {@link packEvents} made. States are views into `bytes`, not copies.
 *
 * @param count - how many events there must be; as many topics may be read. Any, when left out
 * @throws DataError (`DATA_ERROR`) when the bytes are not a packed batch
 */
export function unpackEvents(bytes: Uint8Array, count?: number): StoredEvent[] {
  return unpack(bytes, (event) => event, count);
}

/**
 * Unpacks what {@link packNotifications} made. States are views into `bytes`, not copies.
 *
 * @throws DataError (`DATA_ERROR`) when the bytes are not a packed batch with ids
 */
export function unpackNotifications(bytes: Uint8Array): Notification[] {
  return unpack(bytes, (event, id) => {
    if (id === undefined) throw new RangeError('the batch has no notification ids');
    return { id, ...event };
  });
}

function unpack<E>(bytes: Uint8Array, make: (event: StoredEvent, id: number | undefined) => E, expected?: number): E[] {
  try {
    const reader = new ByteReader(bytes);
    const flags = reader.u8();
    if ((flags & ~FLAG_IDS) !== 0) throw new RangeError(`unknown flags ${flags.toString(2)}`);
    const topics = Array.from({ length: reader.count(expected) }, () => reader.text());
    const count = reader.count(expected);
    if (count !== (expected ?? count)) throw new RangeError('there are fewer events than there must be');
    const uuids = new LastUuid();
    const events: E[] = [];
    for (let index = 0; index < count; index++) {
      const id = flags === FLAG_IDS ? reader.varint() : undefined;
      const originatorId = uuids.toText(bytes, reader.skip(UUID_BYTES));
      const originatorVersion = reader.varint();
      const topic = topics[reader.varint()];
      if (topic === undefined) throw new RangeError('a topic index is out of range');
      events.push(make({ originatorId, originatorVersion, topic, state: reader.sized() }, id));
    }
    if (reader.remaining !== 0) throw new RangeError('bytes are left after the last event');
    return events;
  } catch (cause) {
    throw new DataError('These bytes are not a packed batch of events.', { cause });
  }
}
