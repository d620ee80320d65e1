import { newOriginatorId, sampleEvent } from 'daybook/testing';
import { describe, expect, test } from 'vitest';
import { faultyWorker } from './faulty-worker.js';
import { newStoreName, openStore } from './open-store.js';

// Not every WebKit has it.
const canEstimate = (navigator.storage as StorageManager | undefined)?.estimate !== undefined;

describe('a write for which the browser has no room', () => {
  test('is blamed on the disk where this origin may store much more; the store goes on', async () => {
    const { files, inject } = faultyWorker();
    const daybook = await openStore(newStoreName(), files);
    await inject('quota');
    const error: unknown = await daybook.recorder
      .insertEvents([sampleEvent(newOriginatorId(), 1)])
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STORAGE_FULL', details: { reason: canEstimate ? 'device' : 'unknown' } });
    if (canEstimate) {
      expect(error).toMatchObject({
        details: { usageBytes: expect.any(Number) as number, quotaBytes: expect.any(Number) as number },
      });
    }
    // The connection that was refused would write nothing any more: this takes a new one.
    expect(await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([1]);
  });

  test.runIf(canEstimate)('is blamed on the quota where that is used up', async () => {
    const { files, inject } = faultyWorker(['no-quota']);
    const daybook = await openStore(newStoreName(), files);
    await inject('quota');
    const insert = daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(insert).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      details: { reason: 'quota', usageBytes: 1_000, quotaBytes: 1_000 },
    });
  });
});
