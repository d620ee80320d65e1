import { deleteDaybook, EventStore, JSONTranscoder, Mapper, openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { newOriginatorId, sampleEvent, sampleEvents } from 'daybook/testing';
import { describe, expect, test, vi } from 'vitest';
import { faultyWorker } from './faulty-worker.js';
import { newStoreName, openStore, rawJournal, settled, withWorkers } from './open-store.js';

const everything = async (daybook: Daybook): Promise<unknown[]> =>
  (await daybook.recorder.selectNotifications({ start: 1, limit: 100_000 })).map((notification) => ({
    ...notification,
    state: [...notification.state],
  }));

describe('a store', () => {
  test('keeps what was acknowledged when it is closed and opened again', async () => {
    const name = newStoreName();
    const first = await openStore(name);
    await first.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 10), {
      tracking: { applicationName: 'upstream', notificationId: 4 },
    });
    const before = await everything(first);
    await first.close();
    const second = await openStore(name);
    expect(await everything(second)).toEqual(before);
    expect(await second.recorder.maxTrackingId('upstream')).toBe(4);
    expect(second.replicaId).toBe(first.replicaId);
  });

  test('keeps what was acknowledged when its worker is killed in the middle of writing', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    const acknowledged: number[] = [];
    await withWorkers(async (workers) => {
      const daybook = await openStore(name);
      const writing = Promise.allSettled(
        Array.from({ length: 500 }, async (_, index) => {
          // Spread over many journal records, not one group.
          if (index % 10 === 0) await daybook.recorder.maxNotificationId();
          await daybook.recorder.insertEvents([sampleEvent(id, index + 1)]);
          acknowledged.push(index + 1);
          if (acknowledged.length === 100) workers[0]?.terminate();
        }),
      );
      const outcomes = await writing;
      const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
      for (const { reason } of refusals) expect(reason).toMatchObject({ code: 'WORKER_DIED' });
    });
    const again = await openStore(name);
    const versions = (await again.recorder.selectEvents(id)).map(({ originatorVersion }) => originatorVersion);
    expect(versions).toEqual(expect.arrayContaining(acknowledged));
    expect(new Set(versions).size).toBe(versions.length);
    const positions = await rawJournal(name, 'readonly', (journal) => journal.getAllKeys());
    expect(positions).toEqual(positions.map((_, index) => index + 1));
  });

  test('writes many commits of one tick as few journal records', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    const id = newOriginatorId();
    await Promise.all(sampleEvents(id, 1, 100).map((event) => daybook.recorder.insertEvents([event])));
    expect(await rawJournal(name, 'readonly', (journal) => journal.count())).toBeLessThan(20);
    expect(await daybook.recorder.maxNotificationId()).toBe(100);
  });

  test('is created with an identity of its own', async () => {
    const [first, second] = [await openStore(newStoreName()), await openStore(newStoreName())];
    expect(first.replicaId).toMatch(/^[0-9a-f-]{36}$/);
    expect(first.replicaId).not.toBe(second.replicaId);
  });

  test('stores and gives back domain events', async () => {
    const daybook = await openStore(newStoreName());
    const events = new EventStore({
      mapper: new Mapper({ transcoder: new JSONTranscoder() }),
      recorder: daybook.recorder,
    });
    const event = { originatorId: newOriginatorId(), originatorVersion: 1, type: 'Counted', data: { quantity: 12 } };
    const [recording] = await events.put([event]);
    expect(recording?.notification.id).toBe(1);
    expect(await events.get(event.originatorId)).toEqual([event]);
  });
});

describe('two tabs with one store', () => {
  test('are one database: each sees what the other wrote, and conflicts are noticed', async () => {
    const name = newStoreName();
    const [first, second] = [await openStore(name), await openStore(name)];
    expect(second.replicaId).toBe(first.replicaId);
    const id = newOriginatorId();
    const noticed = new Promise<void>((resolve) => {
      second.onRecorded(resolve);
    });
    await first.recorder.insertEvents([sampleEvent(id, 1)]);
    await noticed;
    expect(await everything(second)).toEqual(await everything(first));
    await expect(second.recorder.insertEvents([sampleEvent(id, 1)])).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      details: { constraint: 'event', originatorId: id, originatorVersion: 1 },
    });
    expect(await second.recorder.insertEvents([sampleEvent(id, 2)])).toEqual([2]);
  });

  test('that hammer at once lose nothing and leave one gapless journal', async () => {
    const name = newStoreName();
    const tabs = [await openStore(name), await openStore(name), await openStore(name)];
    const ids = await Promise.all(
      tabs.map(async (tab) => {
        const given: number[] = [];
        const id = newOriginatorId();
        for (let version = 1; version <= 60; version++) {
          given.push(...(await tab.recorder.insertEvents([sampleEvent(id, version)])));
        }
        return given;
      }),
    );
    expect(ids.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 180 }, (_, index) => index + 1));
    await vi.waitUntil(
      async () => {
        const maxima = await Promise.all(tabs.map((tab) => tab.recorder.maxNotificationId()));
        return maxima.every((max) => max === 180);
      },
      { timeout: 10_000 },
    );
    const [truth, ...others] = await Promise.all(tabs.map(everything));
    for (const other of others) expect(other).toEqual(truth);
    expect(await rawJournal(name, 'readonly', (journal) => journal.count())).toBe(180);
  });
});

describe('faults', () => {
  test('a worker script that is not there', async () => {
    const opening = openDaybook({ name: newStoreName(), workerUrl: '/no-such-worker.js' });
    await expect(opening).rejects.toMatchObject({ code: 'WORKER_FAILED' });
  });

  test('a wasm file that is not there', async () => {
    const opening = openDaybook({ name: newStoreName(), wasmUrl: '/no-such.wasm' });
    await expect(opening).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
  });

  test('a worker that does not answer', async () => {
    const silent = URL.createObjectURL(new Blob([''], { type: 'text/javascript' }));
    const opening = openDaybook({ name: newStoreName(), workerUrl: silent, openTimeoutMs: 200 });
    await expect(opening).rejects.toMatchObject({ code: 'WORKER_FAILED' });
  });

  test.each([[''], ['x'.repeat(201)]])('a name that is empty or too long', async (name) => {
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  test('a worker that dies while it opens rejects the opening at once', async () => {
    const { files } = faultyWorker(['die-opening']);
    const opening = openDaybook({ name: newStoreName(), ...files });
    await expect(opening).rejects.toMatchObject({ code: 'WORKER_DIED' });
    await expect(deleteDaybook(newStoreName(), files)).rejects.toMatchObject({ code: 'WORKER_DIED' });
  });

  test('a worker that is killed while it opens rejects the opening at once', async () => {
    const { files } = faultyWorker(['no-opening']);
    await withWorkers(async (workers) => {
      const opening = openDaybook({ name: newStoreName(), ...files });
      const settled = expect(opening).rejects.toMatchObject({ code: 'WORKER_DIED' });
      const isAlive = async (): Promise<boolean> =>
        ((await navigator.locks.query()).pending ?? []).some(({ name }) => name?.startsWith('daybook:alive:'));
      // The page waits for the lock that the worker holds.
      await expect.poll(isAlive).toBe(true);
      workers[0]?.terminate();
      await settled;
    });
  });

  test('a worker that dies rejects what is pending and what comes later', async () => {
    await withWorkers(async (workers) => {
      const daybook = await openStore(newStoreName());
      const pending = daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 1_000));
      workers[0]?.terminate();
      await expect(pending).rejects.toMatchObject({ code: 'WORKER_DIED' });
      await expect(daybook.recorder.maxNotificationId()).rejects.toMatchObject({ code: 'WORKER_DIED' });
      await daybook.close();
    });
  });

  test('a call after close', async () => {
    const daybook = await openStore(newStoreName());
    await daybook.close();
    await daybook.close();
    await expect(daybook.recorder.maxNotificationId()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  test('a damaged record: the store is not opened, and keeps every byte', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    for (const event of sampleEvents(newOriginatorId(), 1, 3)) await daybook.recorder.insertEvents([event]);
    await daybook.close();
    const record = (await rawJournal(name, 'readonly', (journal) => journal.get(2))) as Uint8Array;
    record[30] = (record[30] as number) ^ 1;
    await rawJournal(name, 'readwrite', (journal) => journal.put(record, 2));
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL', details: { position: 2 } });
    expect(await rawJournal(name, 'readonly', (journal) => journal.get(2))).toEqual(record);
  });

  test('a record of a newer version', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await daybook.close();
    const record = (await rawJournal(name, 'readonly', (journal) => journal.get(1))) as Uint8Array;
    record[4] = 5;
    await rawJournal(name, 'readwrite', (journal) => journal.put(record, 1));
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  test('a store that is deleted while it is open', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await settled(indexedDB.deleteDatabase(`daybook:${name}`));
    const insert = daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(insert).rejects.toMatchObject({ code: 'STORAGE_LOST' });
  });

  test('a database of a newer layout', async () => {
    const name = newStoreName();
    const request = indexedDB.open(`daybook:${name}`, 99);
    (await settled(request)).close();
    await expect(openDaybook({ name })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });
});
