import { afterEach, describe, expect, test, vi } from 'vitest';
import { browserRoom, storageFullError } from '../../../src/persistence/indexeddb/storage-room.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';

const MIB = 1024 * 1024;
const cause = new DOMException('full', 'QuotaExceededError');

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a write that was refused for want of room', () => {
  test.each([
    [{ usage: 1_000 * MIB, quota: 1_010 * MIB }, 'quota'],
    [{ usage: 1_000 * MIB, quota: 1_000 * MIB }, 'quota'],
    [{ usage: 10 * MIB, quota: 1_000 * MIB }, 'device'],
  ])('with an estimate of %j is the fault of the %s', async (room, reason) => {
    const error = await storageFullError(cause, async () => room);
    expect(error).toMatchObject({
      code: 'STORAGE_FULL',
      cause,
      details: { reason, usageBytes: room.usage, quotaBytes: room.quota },
    });
  });

  test.each([[undefined], [{}], [{ usage: 1 }]])('with an estimate of %j says that nobody knows', async (room) => {
    const error = await storageFullError(cause, async () => room);
    expect(error.details).toEqual({ reason: 'unknown' });
  });
});

describe('the browser', () => {
  test('that has nothing to ask, fails, or does not answer, says nothing', async () => {
    const clock = new ManualClock();
    vi.stubGlobal('navigator', {});
    expect(await browserRoom(clock)()).toBeUndefined();
    vi.stubGlobal('navigator', { storage: { estimate: async () => Promise.reject(new TypeError('opaque')) } });
    expect(await browserRoom(clock)()).toBeUndefined();
    vi.stubGlobal('navigator', { storage: { estimate: async () => new Promise(() => undefined) } });
    const asked = browserRoom(clock)();
    clock.advance(1_000);
    expect(await asked).toBeUndefined();
  });

  test('is asked', async () => {
    vi.stubGlobal('navigator', { storage: { estimate: async () => ({ usage: 1, quota: 2 }) } });
    expect(await browserRoom(new ManualClock())()).toEqual({ usage: 1, quota: 2 });
  });
});
