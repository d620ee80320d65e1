import { beforeEach, describe, expect, test, vi } from 'vitest';
import { IntegrityError, OperationalError } from '../../src/persistence/errors.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { PUSH_TRACKING_NAME, readConfirmed, recordConfirmed } from '../../src/sync/confirmed.js';
import { toPushRequest } from '../../src/sync/protocol/index.js';
import { transportOfCopy } from '../../src/sync/push/copied-store.js';
import { newOriginatorId, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { sourceLinesWith } from '../support/source-lines.js';

const EVENTS = sampleEvents(newOriginatorId(), 1, 10);

let recorder: MemoryProcessRecorder;

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
    expect(await recordConfirmed(recorder, 4)).toBe(true);
    expect(await readConfirmed(recorder)).toEqual({ largestId: 10, confirmedId: 4, pending: 6 });
  });

  test('is nothing when all is confirmed, until there is more', async () => {
    expect(await recordConfirmed(recorder, 10)).toBe(true);
    expect(await readConfirmed(recorder)).toEqual({ largestId: 10, confirmedId: 10, pending: 0 });
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    expect(await readConfirmed(recorder)).toEqual({ largestId: 13, confirmedId: 10, pending: 3 });
  });

  test('is reckoned from where the server stands, where that is known', async () => {
    await recordConfirmed(recorder, 8);
    expect(await readConfirmed(recorder, 3)).toEqual({ largestId: 10, confirmedId: 3, pending: 7 });
    expect(await readConfirmed(recorder, 0)).toEqual({ largestId: 10, confirmedId: 0, pending: 10 });
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

describe('a confirmation', () => {
  test('that comes twice changes nothing the second time', async () => {
    expect(await recordConfirmed(recorder, 5)).toBe(true);
    expect(await recordConfirmed(recorder, 5)).toBe(true);
    expect(await readConfirmed(recorder)).toMatchObject({ confirmedId: 5, pending: 5 });
  });

  test('that goes back takes nothing back', async () => {
    await recordConfirmed(recorder, 9);
    expect(await recordConfirmed(recorder, 5)).toBe(true);
    expect(await readConfirmed(recorder)).toMatchObject({ confirmedId: 9, pending: 1 });
  });

  test('of more than there is, is not recorded', async () => {
    await recordConfirmed(recorder, 6);
    expect(await recordConfirmed(recorder, 11)).toBe(false);
    expect(await readConfirmed(recorder)).toMatchObject({ confirmedId: 6, pending: 4 });
    expect(await recordConfirmed(recorder, 10)).toBe(true);
  });

  test('that cannot be stored says so, unless it is known', async () => {
    const failing = (error: Error): typeof recorder =>
      Object.assign(recorder, { insertEvents: vi.fn().mockRejectedValue(error) });
    await expect(recordConfirmed(failing(new OperationalError('full')), 5)).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
    });
    expect(await recordConfirmed(failing(new IntegrityError('taken')), 5)).toBe(true);
  });
});

describe('a copy', () => {
  test('has what its original had confirmed, and goes on in its own ids', async () => {
    // As an import leaves it: the journal of the original, with what that remembered.
    const pushBaseId = 6;
    await recordConfirmed(recorder, pushBaseId);
    expect(await readConfirmed(recorder)).toEqual({ largestId: 10, confirmedId: 6, pending: 4 });
    const server = transportOfCopy(
      { push: async ({ after, events }) => ({ tracking: { id: after + events.length }, head: 0 }) },
      pushBaseId,
    );
    const { confirmedId } = await readConfirmed(recorder);
    const batch = await recorder.selectNotifications({ start: confirmedId + 1, limit: 3 });
    const request = toPushRequest(newOriginatorId(), confirmedId, batch);
    const answer = await server.push(request, new AbortController().signal);
    expect(await recordConfirmed(recorder, answer.tracking.id)).toBe(true);
    expect(await readConfirmed(recorder)).toEqual({ largestId: 10, confirmedId: 9, pending: 1 });
  });
});

describe('the tracking record of a push', () => {
  test('is known to one file, which alone reckons with it', () => {
    expect(Object.fromEntries(sourceLinesWith(/daybook:push['"`]|\bPUSH_TRACKING_NAME\b/))).toEqual({
      'src/sync/confirmed.ts': [
        "export const PUSH_TRACKING_NAME = 'daybook:push';",
        'recorder.maxTrackingId(PUSH_TRACKING_NAME),',
        'await recorder.insertEvents([], { tracking: { applicationName: PUSH_TRACKING_NAME, notificationId } });',
      ],
      'src/sync/index.ts': ["export { PUSH_TRACKING_NAME } from './confirmed.js';"],
    });
    expect([...sourceLinesWith(/\w - .*\bconfirmed\w*\b|\w - \w*\.?trackingId\b/).keys()]).toEqual([
      'src/sync/confirmed.ts',
    ]);
  });
});
