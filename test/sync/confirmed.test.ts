import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { PUSH_TRACKING_NAME, readConfirmed } from '../../src/sync/confirmed.js';
import { newOriginatorId, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { sourceLinesWith } from '../support/source-lines.js';

const EVENTS = sampleEvents(newOriginatorId(), 1, 10);

let recorder: MemoryProcessRecorder;

/** As the first protocol did. */
async function recordConfirmed(of: MemoryProcessRecorder, notificationId: number): Promise<void> {
  await of.insertEvents([], { tracking: { applicationName: PUSH_TRACKING_NAME, notificationId } });
}

beforeEach(async () => {
  recorder = new MemoryProcessRecorder();
  await recorder.insertEvents(EVENTS);
});

describe('what of a store is not confirmed', () => {
  test('is nothing of an empty one', async () => {
    const empty = new MemoryProcessRecorder();
    expect(await readConfirmed(empty)).toEqual({ largestId: 0, confirmedId: 0, pending: 0 });
  });

  test('is all of one that was never pushed, whatever else it has tracked', async () => {
    await recorder.insertEvents([], { tracking: { applicationName: 'upstream', notificationId: 7 } });
    expect(await readConfirmed(recorder)).toEqual({ largestId: 10, confirmedId: 0, pending: 10 });
  });

  test('is what comes after the last confirmed event', async () => {
    await recordConfirmed(recorder, 4);
    expect(await readConfirmed(recorder)).toEqual({ largestId: 10, confirmedId: 4, pending: 6 });
  });

  test('is nothing when all is confirmed, until there is more', async () => {
    await recordConfirmed(recorder, 10);
    expect(await readConfirmed(recorder)).toEqual({ largestId: 10, confirmedId: 10, pending: 0 });
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    expect(await readConfirmed(recorder)).toEqual({ largestId: 13, confirmedId: 10, pending: 3 });
  });

  test('is never less than nothing, in a store that remembers more than it has', async () => {
    await recorder.insertEvents([], { tracking: { applicationName: PUSH_TRACKING_NAME, notificationId: 12 } });
    expect(await readConfirmed(recorder)).toEqual({ largestId: 10, confirmedId: 12, pending: 0 });
  });

  test('is never too little, when more is recorded and confirmed while it is read', async () => {
    // Both of them between the two questions: what came first must not hide what came last.
    const maxTrackingId = async (name: string): Promise<number> => {
      const confirmedId = await recorder.maxTrackingId(name);
      await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 2));
      await recordConfirmed(recorder, 11);
      return confirmedId;
    };
    const asked: string[] = [];
    const read = await readConfirmed({
      maxTrackingId: (name) => (asked.push('confirmed'), maxTrackingId(name)),
      maxNotificationId: () => (asked.push('largest'), recorder.maxNotificationId()),
    });
    expect(asked).toEqual(['confirmed', 'largest']);
    expect(read.pending).toBeGreaterThanOrEqual((await readConfirmed(recorder)).pending);
  });
});

describe('the tracking record of a push', () => {
  test('is known to one file, which alone reckons with it', () => {
    expect(Object.fromEntries(sourceLinesWith(/daybook:push['"`]|\bPUSH_TRACKING_NAME\b/))).toEqual({
      'src/sync/confirmed.ts': [
        "export const PUSH_TRACKING_NAME = 'daybook:push';",
        'recorder.maxTrackingId(PUSH_TRACKING_NAME),',
      ],
    });
    expect([...sourceLinesWith(/\w - .*\bconfirmed\w*\b|\w - \w*\.?trackingId\b/).keys()]).toEqual([
      'src/sync/confirmed.ts',
    ]);
  });
});
