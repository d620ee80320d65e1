import { openDaybook } from 'daybook';
import type { Daybook, StoredEvent } from 'daybook';
import { newOriginatorId, sampleEvent, sampleEvents } from 'daybook/testing';
import { describe, expect, test, vi } from 'vitest';
import { newStoreName, openStore, settled } from './open-store.js';

const STORES = ['journal', 'checkpoints', 'chunks'];
// A tenth of what makes a checkpoint due.
const LARGE_STATE_BYTES = 110_000;

const summary = async ({ recorder }: Daybook): Promise<string[]> =>
  (await recorder.selectNotifications({ start: 1, limit: 100_000 })).map(
    ({ id, originatorId, originatorVersion, topic, state }) =>
      [id, originatorId, originatorVersion, topic, state.length, state[0], state.at(-1)].join(),
  );

const large = (originatorId: string, version: number): StoredEvent => ({
  ...sampleEvent(originatorId, version),
  state: new Uint8Array(LARGE_STATE_BYTES).fill(version),
});

const raw = async <T>(name: string, work: (database: IDBDatabase) => Promise<T>): Promise<T> => {
  const database = await settled(indexedDB.open(`daybook:${name}`));
  try {
    return await work(database);
  } finally {
    database.close();
  }
};

const keysOf = (name: string, store: string): Promise<IDBValidKey[]> =>
  raw(name, (database) => settled(database.transaction(store).objectStore(store).getAllKeys()));

/** Writes until two checkpoints are there, and the journal begins after the older one. */
const writeUntilCompacted = async (name: string, daybook: Daybook): Promise<void> => {
  const id = newOriginatorId();
  for (let version = 1; version <= 24; version++) {
    await daybook.recorder.insertEvents([large(id, version)]);
    // The pause that a checkpoint waits for.
    if (version === 12) await vi.waitUntil(async () => (await keysOf(name, 'checkpoints')).length === 1, patience);
  }
  await vi.waitUntil(async () => {
    const [older, newer] = await keysOf(name, 'checkpoints');
    const [first] = await keysOf(name, 'journal');
    return newer !== undefined && (first as number) === (older as number) + 1;
  }, patience);
};

const patience = { timeout: 20_000, interval: 100 };

/** Makes one store's journal and checkpoints those of another one, without a word to anybody. */
const copyStore = async (from: string, to: string): Promise<void> => {
  for (const name of STORES) {
    const [keys, values] = await raw(from, async (database) => {
      const store = database.transaction(name).objectStore(name);
      return Promise.all([settled(store.getAllKeys()), settled<unknown[]>(store.getAll())]);
    });
    await raw(to, async (database) => {
      const store = database.transaction(name, 'readwrite').objectStore(name);
      await settled(store.clear());
      await Promise.all(keys.map((key, index) => settled(store.put(values[index], key))));
    });
  }
};

const damageChunks = (name: string, which: (key: IDBValidKey) => boolean): Promise<void> =>
  raw(name, async (database) => {
    const store = database.transaction('chunks', 'readwrite').objectStore('chunks');
    for (const key of await settled(store.getAllKeys())) {
      if (!which(key)) continue;
      const chunk = (await settled(store.get(key))) as Uint8Array;
      chunk[100] = (chunk[100] as number) ^ 1;
      await settled(store.put(chunk, key));
    }
  });

describe('a store that has grown', { timeout: 60_000 }, () => {
  test('is checkpointed and compacted in the background, and opens from there', async () => {
    const name = newStoreName();
    const first = await openStore(name);
    await writeUntilCompacted(name, first);
    await first.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3), {
      tracking: { applicationName: 'upstream', notificationId: 4 },
    });
    const before = await summary(first);
    expect(before).toHaveLength(27);
    await first.close();
    const second = await openStore(name);
    expect(await summary(second)).toEqual(before);
    expect(await second.recorder.maxTrackingId('upstream')).toBe(4);
    expect(await second.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([28]);
  });

  test('with a tab that slept through it: the tab does not write a position that was compacted away', async () => {
    const [grown, slept] = [newStoreName(), newStoreName()];
    const sleeper = await openStore(slept);
    const id = newOriginatorId();
    for (const event of sampleEvents(id, 1, 5)) await sleeper.recorder.insertEvents([event]);
    await openStore(grown).then((daybook) => daybook.close());
    await copyStore(slept, grown);
    const writer = await openStore(grown);
    await writeUntilCompacted(grown, writer);
    const truth = await summary(writer);
    await copyStore(grown, slept);
    expect((await keysOf(slept, 'journal')).includes(6)).toBe(false);

    // What the sleeper believes to be free was taken: the aggregate has a version 6 only if the checkpoint has it not.
    expect(await sleeper.recorder.insertEvents([sampleEvent(id, 6)])).toEqual([truth.length + 1]);
    expect((await keysOf(slept, 'journal')).includes(6)).toBe(false);
    expect((await summary(sleeper)).slice(0, -1)).toEqual(truth);
  });

  test('is checkpointed whatever other stores are open, and however they are called', async () => {
    const id = crypto.randomUUID();
    // The lock of the first one's checkpoints once was the lock that the second one holds while it is open.
    const [name, other] = [`open:${id}`, `${id}:checkpoint`];
    await openStore(other);
    const daybook = await openStore(name);
    await writeUntilCompacted(name, daybook);
    expect(await daybook.storage.report()).toMatchObject({ checkpointFailure: undefined });
  });

  test('whose newest image is damaged opens from the one before; with both damaged it is not opened', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await writeUntilCompacted(name, daybook);
    const before = await summary(daybook);
    await daybook.close();
    // The image grows at its end: the last chunk is the newest image's alone.
    const last = Math.max(...((await keysOf(name, 'chunks')) as number[]));
    await damageChunks(name, (key) => key === last);
    const again = await openStore(name);
    expect(await summary(again)).toEqual(before);
    await again.close();
    await damageChunks(name, (key) => key !== last);
    const kept = await keysOf(name, 'journal');
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL' });
    expect(await keysOf(name, 'journal')).toEqual(kept);
  });
});

describe('a store of layout version 1', () => {
  test('is upgraded where it lies, and keeps what was in it', async () => {
    const [source, name] = [newStoreName(), newStoreName()];
    const daybook = await openStore(source);
    await daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    const before = await summary(daybook);
    const records = await raw(source, (database) =>
      settled<unknown[]>(database.transaction('journal').objectStore('journal').getAll()),
    );
    const replicaId = crypto.randomUUID();
    const opening = indexedDB.open(`daybook:${name}`, 1);
    opening.onupgradeneeded = () => {
      const journal = opening.result.createObjectStore('journal');
      records.forEach((record, index) => journal.add(record, index + 1));
      opening.result.createObjectStore('meta').add({ replicaId, createdAtMs: 1 }, 'store');
    };
    (await settled(opening)).close();
    const upgraded = await openStore(name);
    expect(upgraded.replicaId).toBe(replicaId);
    expect(await summary(upgraded)).toEqual(before);
    expect(await upgraded.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([4]);
    expect(await keysOf(name, 'checkpoints')).toEqual([]);
  });

  test('that another tab holds open is waited for, but not for ever', { timeout: 30_000 }, async () => {
    const name = newStoreName();
    const opening = indexedDB.open(`daybook:${name}`, 1);
    const held = await settled(opening);
    await expect(openDaybook({ name })).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('Another tab') as string,
    });
    held.close();
  });
});
