import { wrap } from 'comlink';
import type { Remote } from 'comlink';
import { deleteDaybook, openDaybook } from 'daybook';
import type { UnitPage } from 'daybook';
import { newOriginatorId, sampleEvent, sampleEvents } from 'daybook/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { StoreHost } from '../../src/host/protocol/store-host.js';
import { exists, newStoreName, openStore, rawJournal, settled, withWorkers } from './open-store.js';

describe('opening', () => {
  test('that is aborted before it begins starts no worker', async () => {
    await withWorkers(async (workers) => {
      const signal = AbortSignal.abort(new Error('not now'));
      await expect(openDaybook({ name: newStoreName(), signal })).rejects.toThrow('not now');
      expect(workers).toHaveLength(0);
    });
  });

  test('that is aborted stops the worker and rejects with the reason; the store can be opened again', async () => {
    const name = newStoreName();
    const first = await openStore(name);
    await first.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    await first.close();
    for (const delayMs of [0, 5, 20]) {
      const controller = new AbortController();
      const opening = openDaybook({ name, signal: controller.signal });
      setTimeout(() => {
        controller.abort(new DOMException('changed my mind', 'AbortError'));
      }, delayMs);
      const outcome = await opening.then(
        async (daybook) => daybook.close(),
        (error: unknown) => error,
      );
      // A fast machine may be done before.
      if (outcome !== undefined) expect(outcome).toMatchObject({ name: 'AbortError', message: 'changed my mind' });
    }
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(3);
  });

  test('that was aborted too late leaves the store open', async () => {
    const controller = new AbortController();
    const daybook = await openStore(newStoreName(), { signal: controller.signal });
    controller.abort();
    expect(await daybook.recorder.maxNotificationId()).toBe(0);
  });

  test('a call that comes before the worker is ready waits; one that comes before it opens is refused', async () => {
    // Opening a store teaches Comlink the errors.
    await openStore(newStoreName());
    const worker = new Worker(new URL('../../dist/worker.js', import.meta.url), { type: 'module' });
    onTestFinished(() => {
      worker.terminate();
    });
    const host: Remote<StoreHost> = wrap<StoreHost>(worker);
    await expect(host.maxNotificationId()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    const opening = host.open({ name: newStoreName(), wasmUrl: undefined });
    const early = host.maxNotificationId();
    expect(await early).toBe(0);
    await opening;
    const again = host.open({ name: newStoreName(), wasmUrl: undefined });
    await expect(again).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  });

  test('a call with what cannot be cloned is refused, and the store goes on', async () => {
    const daybook = await openStore(newStoreName());
    const options = { start: 1, limit: 1, topics: [(() => undefined) as never] };
    await expect(daybook.recorder.selectNotifications(options)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([1]);
  });
});

describe('closing', () => {
  test('answers what is in flight, and refuses what comes after it', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    const id = newOriginatorId();
    const inFlight = sampleEvents(id, 1, 20).map((event) => daybook.recorder.insertEvents([event]));
    const closing = daybook.close();
    await expect(daybook.recorder.insertEvents([sampleEvent(id, 21)])).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await closing;
    expect((await Promise.all(inFlight)).flat()).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(20);
  });
});

describe('deleting', () => {
  test('a store with everything pushed, and one that is not there', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    await daybook.recorder.insertEvents([], { tracking: { applicationName: 'daybook:push', notificationId: 3 } });
    await daybook.close();
    await deleteDaybook(name);
    expect(await exists(name)).toBe(false);
    await deleteDaybook(name);
    const again = await openStore(name);
    expect(again.replicaId).not.toBe(daybook.replicaId);
    expect(await again.recorder.maxNotificationId()).toBe(0);
  });

  test('is refused while events are not synced, unless told otherwise', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 7));
    await daybook.recorder.insertEvents([], { tracking: { applicationName: 'daybook:push', notificationId: 5 } });
    await daybook.close();
    await expect(deleteDaybook(name)).rejects.toMatchObject({ code: 'UNSYNCED_EVENTS', details: { name, pending: 2 } });
    const again = await openStore(name);
    expect(await again.recorder.maxNotificationId()).toBe(7);
    await again.close();
    await deleteDaybook(name, { evenIfUnsynced: true });
    expect(await exists(name)).toBe(false);
  });

  test('is refused while units are set aside, or are lost on the server', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    const a = newOriginatorId();
    await daybook.recorder.insertEvents([sampleEvent(a, 1)]);
    const page: UnitPage = {
      ...{ from: '0', to: '1-abc', position: 1, head: 1 },
      units: [
        {
          ...{ id: crypto.randomUUID(), isCommutative: false, scopes: [], position: 1, total: 1 },
          events: [sampleEvent(a, 1, 'theirs')],
          origin: { author: 'somebody', recordedAtMs: 1_700_000_000_000, seal: Uint8Array.of(1, 2, 3) },
        },
      ],
    };
    expect(await daybook.recorder.insertPage(page)).toMatchObject({ isStored: true, setAside: [expect.any(String)] });
    await daybook.close();
    await expect(deleteDaybook(name)).rejects.toMatchObject({
      code: 'UNSYNCED_EVENTS',
      details: { name, pending: 0, lostUnits: 0, setAsideUnits: 1 },
    });
    const again = await openStore(name);
    expect(await again.storage.report()).toMatchObject({
      events: 1,
      unsyncedEvents: 0,
      lostUnits: 0,
      setAsideUnits: 1,
    });
    await again.recorder.rewind('0');
    expect(await again.storage.report()).toMatchObject({
      events: 1,
      unsyncedEvents: 0,
      lostUnits: 1,
      setAsideUnits: 1,
    });
    await again.close();
    await expect(deleteDaybook(name)).rejects.toMatchObject({
      code: 'UNSYNCED_EVENTS',
      details: { name, pending: 0, lostUnits: 1, setAsideUnits: 1 },
    });
    await deleteDaybook(name, { evenIfUnsynced: true });
    expect(await exists(name)).toBe(false);
  });

  test.each([2 ** 31, 2 ** 40, Infinity])('waits for %d ms if need be, and not for none', async (timeoutMs) => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    const deleting = deleteDaybook(name, { timeoutMs, evenIfUnsynced: true });
    const isOver = vi.fn();
    deleting.then(isOver, isOver);
    await expect.poll(async () => ((await navigator.locks.query()).pending ?? []).length).toBeGreaterThan(0);
    expect(isOver).not.toHaveBeenCalled();
    await daybook.close();
    await deleting;
    expect(await exists(name)).toBe(false);
    // And it is not taken for one that was lost.
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(0);
  });

  test('that the browser puts off says so, and what is opened afterwards is not taken for lost', async () => {
    const name = newStoreName();
    await (await openStore(name)).close();
    const holder = await settled(indexedDB.open(`daybook:${name}`));
    await expect(deleteDaybook(name, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'STORE_IN_USE',
      details: { outcome: 'unknown' },
    });
    holder.close();
    await expect.poll(() => exists(name)).toBe(false);
    expect(await (await openStore(name)).recorder.maxNotificationId()).toBe(0);
  });

  test.each([Number.NaN, -1])('refuses a time of %d ms before anything is done', async (timeoutMs) => {
    await expect(deleteDaybook(newStoreName(), { timeoutMs })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await expect(
      openDaybook({ name: newStoreName(), openTimeoutMs: timeoutMs, workerUrl: 'nowhere.js' }),
    ).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  test('is refused while the store is open elsewhere, which goes on', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await expect(deleteDaybook(name, { evenIfUnsynced: true, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'STORE_IN_USE',
      details: { name, waitedMs: 100 },
    });
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([1]);
  });

  test('waits for a tab that is being closed; who opens meanwhile gets a new store', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    const deleting = deleteDaybook(name);
    // Its turn comes before that of whoever opens from now on.
    const isWaiting = ({ name: lock }: LockInfo): boolean => lock === `daybook:open:${name}`;
    await expect.poll(async () => ((await navigator.locks.query()).pending ?? []).some(isWaiting)).toBe(true);
    const opening = openStore(name);
    await daybook.close();
    await deleting;
    expect((await opening).replicaId).not.toBe(daybook.replicaId);
  });

  test('a killed worker does not hold the store', async () => {
    const name = newStoreName();
    await withWorkers(async (workers) => {
      const daybook = await openStore(name);
      workers[0]?.terminate();
      await expect(daybook.recorder.maxNotificationId()).rejects.toMatchObject({ code: 'WORKER_DIED' });
    });
    await deleteDaybook(name);
    expect(await exists(name)).toBe(false);
  });

  test('a store that cannot be read is kept, unless told otherwise', async () => {
    const name = newStoreName();
    const daybook = await openStore(name);
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await daybook.close();
    await rawJournal(name, 'readwrite', (journal) => journal.put(Uint8Array.of(1, 2, 3), 1));
    await expect(deleteDaybook(name)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL' });
    expect(await exists(name)).toBe(true);
    await deleteDaybook(name, { evenIfUnsynced: true });
    expect(await exists(name)).toBe(false);
  });

  test('a database that something else holds is reported as such', async () => {
    const name = newStoreName();
    await (await openStore(name)).close();
    const stubborn = await settled(indexedDB.open(`daybook:${name}`));
    onTestFinished(() => {
      stubborn.close();
    });
    await expect(deleteDaybook(name, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'STORE_IN_USE',
      details: { outcome: 'unknown' },
    });
  });

  test('a name that no store can have', async () => {
    await expect(deleteDaybook('')).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});
