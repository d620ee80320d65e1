import { describe, expect, test, vi } from 'vitest';
import type { DomainEvent } from '../../src/domain/domain-event.js';
import { EventStore } from '../../src/persistence/event-store.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import {
  MemoryAggregateRecorder,
  MemoryApplicationRecorder,
  MemoryProcessRecorder,
} from '../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';

const mapper = new Mapper({ transcoder: new JSONTranscoder() });
const counted = (originatorId: string, originatorVersion: number, type = 'Counted'): DomainEvent => ({
  originatorId,
  originatorVersion,
  type,
  data: { quantity: originatorVersion },
});

describe('event store', () => {
  test('put gives a recording for each event, with consecutive notifications', async () => {
    const store = new EventStore({ mapper, recorder: new MemoryProcessRecorder() });
    const id = newOriginatorId();
    const recordings = await store.put([counted(id, 1), counted(id, 2)]);
    expect(recordings.map(({ notification }) => notification.id)).toEqual([1, 2]);
    expect(recordings.map(({ domainEvent }) => domainEvent)).toEqual([counted(id, 1), counted(id, 2)]);
    await expect(store.put([counted(id, 2)])).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
  });

  test('put records all events or none: one whose position is taken refuses the others, of other aggregates too', async () => {
    const store = new EventStore({ mapper, recorder: new MemoryProcessRecorder() });
    const [id, other] = [newOriginatorId(), newOriginatorId()];
    await store.put([counted(id, 1)]);
    const refused = store.put([counted(other, 1), counted(id, 1), counted(id, 2)]);
    await expect(refused).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    expect([await store.streamVersion(id), await store.streamVersion(other)]).toEqual([1, 0]);
    const [recording] = await store.put([counted(other, 1)]);
    expect(recording?.notification.id).toBe(2);
  });

  test('put records nothing when one event cannot be mapped', async () => {
    const store = new EventStore({ mapper, recorder: new MemoryProcessRecorder() });
    const id = newOriginatorId();
    const bad = { ...counted(id, 2), data: { at: new Date() } };
    await expect(store.put([counted(id, 1), bad])).rejects.toThrow(TypeError);
    expect(await store.get(id)).toEqual([]);
  });

  test('put records tracking with the events', async () => {
    const recorder = new MemoryProcessRecorder();
    const store = new EventStore({ mapper, recorder });
    const tracking = { applicationName: 'upstream', notificationId: 7 };
    await store.put([counted(newOriginatorId(), 1)], { tracking });
    expect(await recorder.maxTrackingId('upstream')).toBe(7);
  });

  test.each([
    ['an aggregate recorder', () => new MemoryAggregateRecorder()],
    ['an application recorder', () => new MemoryApplicationRecorder()],
  ])('put refuses a tracking record that %s would drop', async (_name, makeRecorder) => {
    const store = new EventStore({ mapper, recorder: makeRecorder() });
    const id = newOriginatorId();
    const tracking = { applicationName: 'upstream', notificationId: 7 };
    await expect(store.put([counted(id, 1)], { tracking })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    expect(await store.get(id)).toEqual([]);
  });

  test('get selects, and streamVersion says how far an aggregate is', async () => {
    const store = new EventStore({ mapper, recorder: new MemoryProcessRecorder() });
    const id = newOriginatorId();
    expect(await store.streamVersion(id)).toBe(0);
    await store.put([counted(id, 1), counted(id, 2), counted(id, 3)]);
    expect(await store.streamVersion(id)).toBe(3);
    expect(await store.get(id, { gt: 1, lte: 2 })).toEqual([counted(id, 2)]);
    expect(await store.get(id, { desc: true, limit: 1 })).toEqual([counted(id, 3)]);
  });

  test('stream gives the events of an aggregate as they are read, page by page, up and down', async () => {
    const recorder = new MemoryProcessRecorder();
    const store = new EventStore({ mapper, recorder });
    const id = newOriginatorId();
    const versions = Array.from({ length: 25 }, (_, index) => index + 1);
    await store.put(versions.map((version) => counted(id, version)));
    const read = async (options: Parameters<typeof store.stream>[1]): Promise<number[]> =>
      (await store.stream(id, options).toArray()).map(({ originatorVersion }) => originatorVersion);
    for (const pageSize of [1, 5, 7, 25, 100]) {
      expect(await read({ pageSize })).toEqual(versions);
      expect(await read({ pageSize, desc: true })).toEqual(versions.toReversed());
      expect(await read({ pageSize, gt: 3, lte: 20, limit: 11 })).toEqual(versions.slice(3, 14));
      expect(await read({ pageSize, gt: 3, lte: 20, limit: 11, desc: true })).toEqual(
        versions.slice(9, 20).toReversed(),
      );
    }
    expect(await read({ limit: 0 })).toEqual([]);
    await expect(read({ pageSize: 0 })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await expect(read({ limit: -1 })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    const select = vi.spyOn(recorder, 'selectEvents');
    for await (const event of store.stream(id, { pageSize: 2 })) if (event.originatorVersion === 3) break;
    expect(select).toHaveBeenCalledTimes(2);
    const reason = new RangeError('enough');
    const giveUp = new AbortController();
    const stream = store.stream(id, { signal: giveUp.signal })[Symbol.asyncIterator]();
    await stream.next();
    giveUp.abort(reason);
    await expect(stream.next()).rejects.toBe(reason);
  });

  test('readAll pages through the application, by topics and bounds, and reads no further than it is asked', async () => {
    const recorder = new MemoryProcessRecorder();
    const store = new EventStore({ mapper, recorder });
    const id = newOriginatorId();
    const events = Array.from({ length: 25 }, (_, index) =>
      counted(id, index + 1, index % 2 === 0 ? 'Counted' : 'Moved'),
    );
    await store.put(events);
    const read = async (options: Parameters<typeof store.readAll>[0]): Promise<number[]> => {
      const ids: number[] = [];
      for await (const { notification } of store.readAll(options)) ids.push(notification.id);
      return ids;
    };
    expect(await read({ pageSize: 10 })).toEqual(events.map((_, index) => index + 1));
    expect(await read({ pageSize: 5 })).toHaveLength(25);
    expect(await read({ gt: 20, topics: ['Moved'] })).toEqual([22, 24]);
    expect(await read({ gt: 3, stop: 6, pageSize: 2 })).toEqual([4, 5, 6]);
    for await (const { domainEvent } of store.readAll({ pageSize: 1 })) {
      expect(domainEvent).toEqual(events[0]);
      break;
    }
  });

  test('an aggregate recorder gives no recordings, and has nothing to read as a whole', async () => {
    const store = new EventStore({ mapper, recorder: new MemoryAggregateRecorder() });
    const id = newOriginatorId();
    expect(await store.put([counted(id, 1)])).toEqual([]);
    expect(await store.get(id)).toEqual([counted(id, 1)]);
    await expect(store.readAll().next()).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});
