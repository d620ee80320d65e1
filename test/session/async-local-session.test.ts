import { describe, expect, test } from 'vitest';
import { Application } from '../../src/application/index.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { createSession } from '../../src/session/index.js';
import type { Session } from '../../src/session/index.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { testStock } from '../../src/testing/conformance/order-world.js';
import { makeEvents } from '../support/stored-events.js';

function open(): { recorder: MemoryProcessRecorder; session: Session<undefined> } {
  const recorder = new MemoryProcessRecorder();
  return { recorder, session: createSession(recorder) };
}
const [event] = makeEvents(1) as [ReturnType<typeof makeEvents>[number]];
const { originatorId } = event;
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe('within a task', () => {
  test('every method of the recorder joins its transaction', async () => {
    const { recorder, session } = open();
    const result = await session.run(async (transaction) => {
      expect(session.current()).toBe(transaction);
      const tracking = { applicationName: 'upstream', notificationId: 3 };
      expect(await session.recorder.insertEvents([event], { tracking })).toEqual([1]);
      await pause();
      expect(await session.recorder.selectEvents(originatorId)).toHaveLength(1);
      expect(await session.recorder.selectNotifications({ start: 1, limit: 2 })).toHaveLength(1);
      expect(await session.recorder.maxNotificationId()).toBe(1);
      expect(await session.recorder.maxTrackingId('upstream')).toBe(3);
      expect(await session.recorder.hasTrackingId('upstream', 4)).toBe(false);
      return 'done';
    });
    expect(result).toBe('done');
    expect(session.current()).toBeUndefined();
    expect(await recorder.maxTrackingId('upstream')).toBe(3);
    expect(await recorder.selectEvents(originatorId)).toHaveLength(1);
  });

  test('an error takes everything back and arrives as it is', async () => {
    const { recorder, session } = open();
    const reason = new RangeError('the task failed');
    const task = session.run(async () => {
      await session.recorder.insertEvents([event]);
      throw reason;
    });
    await expect(task).rejects.toBe(reason);
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  test('rollBack takes everything back, and the result arrives', async () => {
    const { recorder, session } = open();
    const result = await session.run(async () => {
      await session.recorder.insertEvents([event]);
      session.rollBack();
      expect(await session.recorder.selectEvents(originatorId)).toHaveLength(1);
      return 'done';
    });
    expect(result).toBe('done');
    expect(await recorder.selectEvents(originatorId)).toHaveLength(0);
  });

  test.each([
    [['rollBack', 'commit'], 1],
    [['commit', 'rollBack'], 0],
  ] as const)('of %j the last word counts', async (words, count) => {
    const { recorder, session } = open();
    await session.run(async () => {
      await session.recorder.insertEvents([event]);
      for (const word of words) session[word]();
    });
    expect(await recorder.selectEvents(originatorId)).toHaveLength(count);
  });

  test('what outlives the task cannot write any more', async () => {
    const { recorder, session } = open();
    const left: Promise<unknown>[] = [];
    await session.run(async () => {
      left.push(pause().then(() => session.recorder.insertEvents([event])));
    });
    await expect(left[0]).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    expect(await recorder.maxNotificationId()).toBe(0);
  });
});

describe('a task within a task', () => {
  test('joins: rolled back with the outer one', async () => {
    const { recorder, session } = open();
    await session.run(async () => {
      await session.run(async () => session.recorder.insertEvents([event]));
      expect(await session.recorder.selectEvents(originatorId)).toHaveLength(1);
      await session.run(async () => session.rollBack());
    });
    expect(await recorder.selectEvents(originatorId)).toHaveLength(0);
  });

  test('is taken back alone when it rejects', async () => {
    const { recorder, session } = open();
    const [first, second] = makeEvents(2);
    await session.run(async () => {
      await session.recorder.insertEvents([first!]);
      const inner = session.recorder.transaction(async (transaction) => {
        expect(session.current()).toBe(transaction);
        await session.recorder.insertEvents([second!]);
        throw new RangeError('the inner task failed');
      });
      await expect(inner).rejects.toBeInstanceOf(RangeError);
    });
    expect(await recorder.selectEvents(first!.originatorId)).toHaveLength(1);
  });
});

describe('tasks that run at once', () => {
  test('do not see each other, and end as each says', async () => {
    const { recorder, session } = open();
    const ids = await Promise.all(
      [true, false, true, false].map((commits) =>
        session.run(async () => {
          const [first, second] = makeEvents(2);
          await session.recorder.insertEvents([first!]);
          await pause();
          await session.recorder.insertEvents([second!]);
          expect(await session.recorder.selectEvents(first!.originatorId)).toHaveLength(2);
          if (!commits) session.rollBack();
          return first!.originatorId;
        }),
      ),
    );
    const counts = await Promise.all(ids.map(async (id) => (await recorder.selectEvents(id)).length));
    expect(counts).toEqual([2, 0, 2, 0]);
  });
});

describe('outside of any task', () => {
  test('each call is on its own', async () => {
    const { recorder, session } = open();
    expect(session.current()).toBeUndefined();
    await session.recorder.insertEvents([event]);
    expect(await recorder.selectEvents(originatorId)).toHaveLength(1);
    expect(await session.recorder.maxNotificationId()).toBe(1);
  });

  test('a transaction of the recorder is a task that commits', async () => {
    const recorder = new MemoryProcessRecorder();
    const session = createSession(recorder, { outcome: 'rollBack' });
    await session.recorder.transaction(async (transaction) => {
      expect(session.current()).toBe(transaction);
      await session.recorder.insertEvents([event]);
    });
    expect(await recorder.maxNotificationId()).toBe(1);
  });

  test('there is nothing to commit or to roll back', () => {
    const { session } = open();
    const refusal = expect.objectContaining({ code: 'INTERFACE_ERROR' });
    expect(() => session.commit()).toThrow(refusal);
    expect(() => session.rollBack()).toThrow(refusal);
  });
});

describe('a session that keeps only what it is asked to commit', () => {
  test('has no aggregate of a task that was not, and has those of one that was', async () => {
    const recorder = new MemoryProcessRecorder();
    const session = createSession(recorder, { outcome: 'rollBack' });
    const app = new Application({ recorder: session.recorder, aggregates: [testStock] });
    const id = newOriginatorId();
    const add = async (): Promise<unknown> => app.execute(testStock, id, { type: 'Add', data: { quantity: 2 } });
    await session.run(async () => {
      await add();
      expect(await app.repository.versionOf(testStock, id)).toBe(1);
    });
    await expect(app.repository.get(testStock, id)).rejects.toMatchObject({ code: 'AGGREGATE_NOT_FOUND' });
    await session.run(async () => {
      await add();
      session.commit();
    });
    expect(await app.repository.get(testStock, id)).toMatchObject({ version: 1 });
  });

  test('forgets what was not', async () => {
    const recorder = new MemoryProcessRecorder();
    const session = createSession(recorder, { outcome: 'rollBack' });
    await session.run(async () => session.recorder.insertEvents([event]));
    expect(await recorder.selectEvents(originatorId)).toHaveLength(0);
    await session.run(async () => {
      await session.recorder.insertEvents([event]);
      session.commit();
    });
    expect(await recorder.selectEvents(originatorId)).toHaveLength(1);
  });
});
