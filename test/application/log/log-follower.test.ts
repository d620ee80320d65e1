import { describe, expect, test } from 'vitest';
import type { EventLog } from '../../../src/application/log/event-log.js';
import { LogFollower } from '../../../src/application/log/log-follower.js';
import type { FollowerStatus } from '../../../src/application/log/log-follower.js';
import { WorkerDiedError } from '../../../src/host/protocol/client-errors.js';
import { OperationalError, STATEMENT_REASON, StorageLostError } from '../../../src/persistence/errors.js';
import { CountingClock } from '../../support/counting-clock.js';

const INITIAL: FollowerStatus = { state: 'idle', position: 0, head: 0, lag: 0, lastError: undefined };

/** A follower of a log that tells of news only when it is told to, and looks where the test says. */
function open(catchUp: (follower: LogFollower<FollowerStatus>) => Promise<void>): {
  follower: LogFollower<FollowerStatus>;
  clock: CountingClock;
  listeners: Set<() => void>;
} {
  const listeners = new Set<() => void>();
  const clock = new CountingClock();
  const log: EventLog = {
    recorder: { selectNotifications: async () => [], maxNotificationId: async () => 1_000 },
    decode: () => Promise.reject(new Error('nothing to read')),
    onRecorded(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const follower = new LogFollower<FollowerStatus>({
    what: 'The test',
    log,
    clock,
    random: () => 0.5,
    initialStatus: INITIAL,
    catchUp: (): Promise<void> => catchUp(follower),
  });
  return { follower, clock, listeners };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

describe('news', () => {
  test('that comes while it works makes it work again', async () => {
    let looks = 0;
    const { follower, listeners } = open(async (self) => {
      looks++;
      if (looks === 1) for (const listener of listeners) listener();
      self.report({ position: looks });
    });
    follower.start();
    await follower.waitFor(2);
    await settled();
    expect(looks).toBe(2);
    for (const listener of listeners) listener();
    await follower.waitFor(3);
    await follower.close();
    expect(listeners.size).toBe(0);
  });
});

describe('waiting for a notification', () => {
  test('ends with the follower, and leaves no timer and no listener', async () => {
    const { follower, clock } = open(async () => undefined);
    follower.start();
    const abort = new AbortController();
    const waits = [follower.waitFor(5), follower.waitFor(6, { signal: abort.signal })];
    const outcomes = Promise.allSettled(waits);
    abort.abort(new RangeError('no more'));
    await follower.close();
    expect((await outcomes).map((outcome) => (outcome as PromiseRejectedResult).reason as unknown)).toMatchObject([
      { code: 'FOLLOWER_STOPPED' },
      { message: 'no more' },
    ]);
    await expect(follower.waitFor(7)).rejects.toMatchObject({ code: 'FOLLOWER_STOPPED' });
    expect(clock.openCount).toBe(0);
  });

  test('is told of a position that it was at before it has stopped', async () => {
    const { follower } = open(async (self) => {
      self.report({ position: 3 });
      throw new RangeError('and then it broke');
    });
    follower.start();
    await follower.waitFor(3);
    await expect(follower.waitFor(4)).rejects.toMatchObject({ cause: { message: 'and then it broke' } });
  });
});

describe('a failure', () => {
  test('of the storage is waited out', async () => {
    let looks = 0;
    const { follower, clock } = open(async (self) => {
      if (++looks < 3) throw new OperationalError('not now');
      self.report({ position: 1 });
    });
    follower.start();
    await settled();
    expect(follower.status.value).toMatchObject({ state: 'waiting', lastError: { message: 'not now' } });
    for (let round = 0; round < 3; round++) {
      clock.advance(60_000);
      await settled();
    }
    expect(follower.status.value).toMatchObject({ state: 'live', position: 1, lastError: undefined });
    await follower.close();
  });

  test('of a statement that can never work stops it', async () => {
    const { follower } = open(async () => {
      throw new OperationalError('no such table', { details: { reason: STATEMENT_REASON } });
    });
    follower.start();
    await settled();
    expect(follower.status.value).toMatchObject({ state: 'stopped', lastError: { message: 'no such table' } });
  });

  test.each([new StorageLostError('gone'), new WorkerDiedError('gone')])(
    'of a store that is gone stops it',
    async (gone) => {
      const { follower } = open(async () => {
        throw gone;
      });
      follower.start();
      await expect(follower.waitFor(1)).rejects.toMatchObject({ cause: gone });
    },
  );

  test('is not waited out by one that is closed', async () => {
    const { follower, clock } = open(async () => {
      throw new OperationalError('not now');
    });
    follower.start();
    await settled();
    await follower.close();
    expect(follower.status.value.state).toBe('stopped');
    expect(clock.openCount).toBe(0);
  });
});
