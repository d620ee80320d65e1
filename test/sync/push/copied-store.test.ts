import { describe, expect, test, vi } from 'vitest';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { createSyncServer } from '../../../src/server/index.js';
import { startSync } from '../../../src/sync/tabs/start-sync.js';
import type { StartSyncOptions, Sync } from '../../../src/sync/tabs/start-sync.js';
import { PUSH_TRACKING_NAME } from '../../../src/sync/confirmed.js';
import type { SyncStore } from '../../../src/sync/sync-store.js';
import { newOriginatorId, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { PATIENTLY } from '../../support/patience.js';

interface Local {
  readonly store: SyncStore;
  readonly recorder: MemoryProcessRecorder;
}

const storeOf = (replicaId: string, pushBaseId: number): Local => {
  const recorder = new MemoryProcessRecorder();
  return {
    recorder,
    store: { name: newOriginatorId(), replicaId, pushBaseId, recorder, onRecorded: () => () => undefined },
  };
};

/** An original with ten events of which six are confirmed, its copy, and the server's books. */
const scene = async (): Promise<{ books: MemoryProcessRecorder; copy: Local; events: StoredEvent[] }> => {
  const books = new MemoryProcessRecorder();
  const events = sampleEvents(newOriginatorId(), 1, 10);
  const originalId = newOriginatorId();
  await books.insertEvents(events.slice(0, 6), { tracking: { applicationName: originalId, notificationId: 6 } });
  const copy = storeOf(newOriginatorId(), 6);
  await copy.recorder.insertEvents(events);
  await copy.recorder.insertEvents([], { tracking: { applicationName: PUSH_TRACKING_NAME, notificationId: 6 } });
  return { books, copy, events };
};

const syncing = (books: MemoryProcessRecorder, { store }: Local, options: Partial<StartSyncOptions> = {}): Sync => {
  const server = createSyncServer({ recorder: books, tokens: ['secret'] });
  return startSync({
    store,
    url: 'http://books.test',
    getToken: () => 'secret',
    fetch: async (input, init) => server.fetch(new Request(input, init)),
    wakeSources: { isOffline: () => false, onWake: () => () => undefined },
    ...options,
  });
};

const recorded = async (books: MemoryProcessRecorder): Promise<number[]> =>
  (await books.selectNotifications({ start: 1, limit: 1_000 })).map(({ originatorVersion }) => originatorVersion);

describe('a store that is a copy', () => {
  test('pushes what its original had not, and nothing twice', async () => {
    const { books, copy, events } = await scene();
    const sync = syncing(books, copy);
    await vi.waitUntil(() => sync.status.value.state === 'idle', PATIENTLY);
    expect(await recorded(books)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(sync.status.value).toMatchObject({ pending: 0, confirmedId: 10, lastError: undefined });
    expect(await books.maxTrackingId(copy.store.replicaId)).toBe(4);
    expect(await copy.recorder.maxTrackingId(PUSH_TRACKING_NAME)).toBe(10);
    await copy.recorder.insertEvents(sampleEvents((events[0] as StoredEvent).originatorId, 11, 11));
    sync.pushNow();
    await vi.waitUntil(() => sync.status.value.confirmedId === 11, PATIENTLY);
    expect(await recorded(books)).toHaveLength(11);
    await sync.close();
  });

  test('is refused what its original has pushed since, and stores it not twice', async () => {
    const { books, copy, events } = await scene();
    await books.insertEvents(events.slice(6, 8));
    const sync = syncing(books, copy);
    await vi.waitUntil(() => sync.status.value.state === 'stopped', PATIENTLY);
    expect(sync.status.value).toMatchObject({ pending: 4, lastError: { code: 'INTEGRITY_ERROR' } });
    expect(await recorded(books)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await sync.close();
  });

  test('of which the server has lost some: says where it stands in the ids of the store, and resends its own only', async () => {
    const { books, copy, events } = await scene();
    await copy.recorder.insertEvents([], { tracking: { applicationName: PUSH_TRACKING_NAME, notificationId: 8 } });
    const stopped = syncing(books, copy);
    await vi.waitUntil(() => stopped.status.value.state === 'stopped', PATIENTLY);
    expect(stopped.status.value.lastError).toMatchObject({
      code: 'SERVER_BEHIND',
      // It was asked about the last confirmed event as well.
      details: { after: 7, trackingId: 6 },
    });
    await stopped.close();
    const sync = syncing(books, copy, { onServerBehind: 'resend' });
    await vi.waitUntil(() => sync.status.value.state === 'idle', PATIENTLY);
    expect(await recorded(books)).toEqual(events.map(({ originatorVersion }) => originatorVersion));
    await sync.close();
  });
});
