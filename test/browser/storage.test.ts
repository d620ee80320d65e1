import { newOriginatorId, sampleEvents } from 'daybook/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { newStoreName, openStore } from './open-store.js';

// Not every WebKit has it.
const browserStorage = navigator.storage as StorageManager | undefined;

const withStorage = (storage: Partial<StorageManager> | undefined): void => {
  Object.defineProperty(navigator, 'storage', { value: storage, configurable: true });
};

afterEach(() => {
  withStorage(browserStorage);
});

describe('the storage report', () => {
  test('counts, says what is not synced, and how far this tab is', async () => {
    const name = newStoreName();
    const [daybook, other] = [await openStore(name), await openStore(name)];
    expect(await daybook.storage.report()).toMatchObject({ events: 0, largestId: 0, unsyncedEvents: 0, position: 0 });
    const id = newOriginatorId();
    await daybook.recorder.insertEvents(sampleEvents(id, 1, 10));
    await daybook.recorder.insertEvents(sampleEvents(id, 11, 12));
    const expected = { events: 12, largestId: 12, unsyncedEvents: 12, position: 2, recordsSinceCheckpoint: 2 };
    expect(await daybook.storage.report()).toMatchObject(expected);
    await expect.poll(() => other.storage.report()).toMatchObject(expected);
    await daybook.recorder.insertEvents([], { tracking: { applicationName: 'daybook:push', notificationId: 9 } });
    expect(await daybook.storage.report()).toMatchObject({ events: 12, unsyncedEvents: 3, position: 3 });
  });

  test('has what the browser says of its space', async () => {
    const daybook = await openStore(newStoreName());
    const { originUsageBytes, originQuotaBytes, isPersisted } = await daybook.storage.report();
    if (browserStorage === undefined) {
      expect([originUsageBytes, originQuotaBytes, isPersisted]).toEqual([undefined, undefined, undefined]);
      return;
    }
    expect(originUsageBytes).toBeGreaterThanOrEqual(0);
    expect(originQuotaBytes).toBeGreaterThan(originUsageBytes as number);
    expect(isPersisted).toBeTypeOf('boolean');
  });

  test('leaves out what the browser does not say, or fails to say', async () => {
    const silent = { originUsageBytes: undefined, originQuotaBytes: undefined, isPersisted: undefined };
    const refuse = (): Promise<never> => Promise.reject(new TypeError('an opaque origin'));
    withStorage({ estimate: refuse, persisted: refuse });
    const failing = await openStore(newStoreName());
    expect(await failing.storage.report()).toMatchObject({ events: 0, ...silent });
    withStorage(undefined);
    const without = await openStore(newStoreName());
    expect(await without.storage.report()).toMatchObject({ events: 0, ...silent });
    expect(await without.storage.persist()).toBeUndefined();
  });

  test('of a store that is closed is refused', async () => {
    const daybook = await openStore(newStoreName());
    await daybook.close();
    await expect(daybook.storage.report()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });
});

test('the report counts the records that a checkpoint does not hold', async () => {
  const daybook = await openStore(newStoreName());
  const id = newOriginatorId();
  // Large enough to be worth a checkpoint, which is written in the next pause.
  const state = new Uint8Array(500_000);
  for (const event of sampleEvents(id, 1, 4)) await daybook.recorder.insertEvents([{ ...event, state }]);
  await expect
    .poll(() => daybook.storage.report(), { timeout: 10_000 })
    .toMatchObject({ position: 4, recordsSinceCheckpoint: 0, checkpointFailure: undefined });
  await daybook.recorder.insertEvents(sampleEvents(id, 5, 5));
  expect(await daybook.storage.report()).toMatchObject({ position: 5, recordsSinceCheckpoint: 1 });
});

describe('persistence', () => {
  test('is asked for on request only, and the answer is passed on', async () => {
    // Firefox asks a person, so the answer is given here.
    const persist = vi.fn(() => Promise.resolve(true));
    withStorage({ persist });
    const daybook = await openStore(newStoreName());
    await daybook.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    await daybook.storage.report();
    expect(persist).not.toHaveBeenCalled();
    expect(await daybook.storage.persist()).toBe(true);
    persist.mockResolvedValue(false);
    expect(await daybook.storage.persist()).toBe(false);
    expect(persist).toHaveBeenCalledTimes(2);
  });
});
