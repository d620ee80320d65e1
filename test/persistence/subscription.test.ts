import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { DurableRecorder } from '../../src/persistence/journal/durable-recorder.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemoryReplica } from '../../src/persistence/memory/memory-replica.js';
import type { SelectNotificationsOptions } from '../../src/persistence/recorder.js';
import type { Notification } from '../../src/persistence/stored-event.js';
import { follow, PAGE_NOTIFICATIONS_MAX } from '../../src/persistence/subscription.js';
import type { NotificationSource, OnRecorded, Subscription } from '../../src/persistence/subscription.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { SharedJournal } from '../support/shared-journal.js';

/** What tells of records here: whoever records rings it. */
class Hints {
  readonly listeners = new Set<() => void>();

  readonly onRecorded: OnRecorded = (listener) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  ring(): void {
    for (const listener of this.listeners) listener();
  }
}

/** A recorder whose reads are counted, and may be made to wait or fail. */
class WatchedReads implements NotificationSource {
  readonly reads: SelectNotificationsOptions[] = [];
  afterRead: (page: readonly Notification[]) => Promise<void> = async () => undefined;
  readonly #recorder: NotificationSource;

  constructor(recorder: NotificationSource) {
    this.#recorder = recorder;
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    this.reads.push(options);
    const page = await this.#recorder.selectNotifications(options);
    await this.afterRead(page);
    return page;
  }

  async maxNotificationId(): Promise<number> {
    return this.#recorder.maxNotificationId();
  }
}

interface Setup {
  readonly recorder: MemoryProcessRecorder;
  readonly hints: Hints;
  readonly watched: WatchedReads;
  /** Records events of an aggregate of their own, and tells. */
  record(count: number, topic?: string): Promise<void>;
}

function setUp(): Setup {
  const recorder = new MemoryProcessRecorder();
  const hints = new Hints();
  return {
    recorder,
    hints,
    watched: new WatchedReads(recorder),
    async record(count, topic) {
      const events = sampleEvents(newOriginatorId(), 1, count);
      await recorder.insertEvents(topic === undefined ? events : events.map((event) => ({ ...event, topic })));
      hints.ring();
    },
  };
}

async function take(subscription: Subscription, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    const { value } = await subscription.next();
    if (value === undefined) break;
    ids.push(value.id);
  }
  return ids;
}

const upTo = (last: number, first = 1): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);
const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe('what is given', () => {
  test('first what is there, then what comes, each once and in order', async () => {
    const { recorder, hints, record } = setUp();
    await record(3);
    const subscription = follow(recorder, hints.onRecorded);
    expect(await take(subscription, 3)).toEqual([1, 2, 3]);
    for (let id = 4; id < 10; id++) {
      const next = take(subscription, 1);
      await tick();
      await record(1);
      expect(await next).toEqual([id]);
    }
    await subscription.return();
  });

  test('only what is greater than gt, and of the topics', async () => {
    const { watched, hints, record } = setUp();
    for (const topic of ['a', 'b', 'a', 'c', 'b', 'c', 'c']) await record(1, topic);
    expect(await take(follow(watched, hints.onRecorded, { gt: 5 }), 2)).toEqual([6, 7]);
    const some = follow(watched, hints.onRecorded, { gt: 1, topics: ['a', 'b'] });
    expect(await take(some, 3)).toEqual([2, 3, 5]);
    const next = take(some, 1);
    await tick();
    await record(20, 'c');
    await record(1, 'b');
    expect(await next).toEqual([28]);
    // What has other topics is not looked at again.
    expect(watched.reads.at(-1)?.start).toBeGreaterThanOrEqual(8);
  });

  test('calls that overlap are answered in their order', async () => {
    const { recorder, hints, record } = setUp();
    const subscription = follow(recorder, hints.onRecorded);
    const results = Promise.all([subscription.next(), subscription.next(), subscription.next()]);
    await record(1);
    await tick();
    await record(2);
    expect((await results).map(({ value }) => value?.id)).toEqual([1, 2, 3]);
  });

  test('the options are checked at once', () => {
    const { recorder, hints } = setUp();
    const wrong = [{ gt: 1.5 }, { gt: Number.NaN }, { topics: ['a', 1] as string[] }, { topics: 'a' as never }];
    for (const options of wrong) {
      expect(() => follow(recorder, hints.onRecorded, options)).toThrow(
        expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error,
      );
    }
  });
});

describe('back-pressure', () => {
  test('a page is read only when somebody waits for it, and no page is larger than allowed', async () => {
    const { watched, hints, record } = setUp();
    await record(2_000);
    const subscription = follow(watched, hints.onRecorded);
    expect(watched.reads).toHaveLength(0);
    const ids: number[] = [];
    for await (const { id } of subscription) {
      ids.push(id);
      if (id === 10) {
        await record(500);
        await tick();
        expect(watched.reads).toHaveLength(1);
      }
      if (id === 2_500) break;
    }
    expect(ids).toEqual(upTo(2_500));
    for (const { limit } of watched.reads) expect(limit).toBeLessThanOrEqual(PAGE_NOTIFICATIONS_MAX);
    expect(watched.reads.length).toBeLessThan(10);
  });

  test('large states make small pages', async () => {
    const { recorder, watched, hints } = setUp();
    const id = newOriginatorId();
    const state = new Uint8Array(300_000);
    await recorder.insertEvents(sampleEvents(id, 1, 60).map((event) => ({ ...event, state })));
    const subscription = follow(watched, hints.onRecorded);
    await take(subscription, 60);
    expect(watched.reads.slice(1).map(({ limit }) => limit)).toEqual(watched.reads.slice(1).map(() => 3));
  });

  test('nothing is read while there is nothing to read', async () => {
    vi.useFakeTimers();
    try {
      const { watched, hints } = setUp();
      const subscription = follow(watched, hints.onRecorded);
      const next = subscription.next();
      await vi.advanceTimersByTimeAsync(3_600_000);
      expect(watched.reads).toHaveLength(1);
      expect(vi.getTimerCount()).toBe(0);
      await subscription.return();
      expect(await next).toEqual({ done: true, value: undefined });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('hints', () => {
  test('one that comes while a page is read is not lost', async () => {
    const { watched, recorder, hints } = setUp();
    // Recorded and told of after the read, before anybody rests.
    watched.afterRead = async () => {
      watched.afterRead = async () => undefined;
      await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      hints.ring();
    };
    expect(await take(follow(watched, hints.onRecorded), 1)).toEqual([1]);
    expect(watched.reads).toHaveLength(2);
  });

  test('any interleaving of commits, hints, reads and a consumer gives each id once, in order', async () => {
    const commits = fc.array(fc.record({ count: fc.integer({ min: 1, max: 4 }), topic: fc.constantFrom('a', 'b') }), {
      minLength: 1,
      maxLength: 12,
    });
    const topics = fc.constantFrom<readonly string[]>([], ['a'], ['a', 'b']);
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), commits, topics, async (scheduler, plan, wanted) => {
        const { recorder, hints } = setUp();
        const slow: NotificationSource = {
          selectNotifications: (options) =>
            scheduler.schedule(Promise.resolve(), 'read').then(() => recorder.selectNotifications(options)),
          maxNotificationId: () =>
            scheduler.schedule(Promise.resolve(), 'max').then(() => recorder.maxNotificationId()),
        };
        const subscription = follow(slow, hints.onRecorded, { topics: wanted });
        const received: number[] = [];
        const consumer = (async () => {
          for await (const { id } of subscription) {
            received.push(id);
            await scheduler.schedule(Promise.resolve(), 'consume');
          }
        })();
        for (const { count, topic } of plan) {
          const events = sampleEvents(newOriginatorId(), 1, count).map((event) => ({ ...event, topic }));
          void scheduler.schedule(Promise.resolve(), 'commit').then(async () => {
            await recorder.insertEvents(events);
            await scheduler.schedule(Promise.resolve(), 'hint');
            hints.ring();
          });
        }
        // Nothing is told at the end: what was missed until now would be missed for ever.
        do {
          await scheduler.waitIdle();
          await tick();
        } while (scheduler.count() > 0);
        const all = await recorder.selectNotifications({ start: 1, limit: 1_000, topics: wanted });
        expect(received).toEqual(all.map(({ id }) => id));
        await subscription.return();
        await consumer;
        expect(hints.listeners.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('a durable recorder gives them by what it applies, so one tab follows the other', async () => {
    const journal = new SharedJournal();
    const hints = new Hints();
    const reading = await DurableRecorder.open({
      replica: new MemoryReplica(),
      journal: journal.connect(),
      onApplied: () => {
        hints.ring();
      },
    });
    const writing = await DurableRecorder.open({
      replica: new MemoryReplica(),
      journal: journal.connect(),
      onApplied: (position) => {
        reading.noteHead(position);
      },
    });
    const received = take(follow(reading, hints.onRecorded), 40);
    for (const event of sampleEvents(newOriginatorId(), 1, 40)) await writing.insertEvents([event]);
    expect(await received).toEqual(upTo(40));
  });
});

describe('the end', () => {
  test('return ends a subscription at rest, and lets go of the hints', async () => {
    const { recorder, hints } = setUp();
    const subscription = follow(recorder, hints.onRecorded);
    const waiting = subscription.next();
    await tick();
    expect(hints.listeners.size).toBe(1);
    expect(await subscription.return()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(hints.listeners.size).toBe(0);
    await subscription.return();
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
  });

  test('break, and await using, do so too', async () => {
    const { recorder, hints, record } = setUp();
    await record(3);
    for await (const { id } of follow(recorder, hints.onRecorded)) if (id === 2) break;
    expect(hints.listeners.size).toBe(0);
    {
      await using subscription = follow(recorder, hints.onRecorded);
      await subscription.next();
      expect(hints.listeners.size).toBe(1);
    }
    expect(hints.listeners.size).toBe(0);
  });

  test('who never asks for a notification holds nothing', () => {
    const { recorder, hints } = setUp();
    follow(recorder, hints.onRecorded);
    expect(hints.listeners.size).toBe(0);
  });

  test('aborted before, at rest, while a page is read, and in the middle of one', async () => {
    const { watched, hints, record } = setUp();
    expect(await take(follow(watched, hints.onRecorded, { signal: AbortSignal.abort() }), 1)).toEqual([]);
    expect(watched.reads).toHaveLength(0);

    const atRest = new AbortController();
    const resting = take(follow(watched, hints.onRecorded, { signal: atRest.signal }), 1);
    await tick();
    atRest.abort();
    expect(await resting).toEqual([]);

    await record(5);
    const reading = new AbortController();
    watched.afterRead = () => new Promise(() => undefined);
    const read = take(follow(watched, hints.onRecorded, { signal: reading.signal }), 1);
    await tick();
    reading.abort();
    expect(await read).toEqual([]);
    watched.afterRead = async () => undefined;

    const inPage = new AbortController();
    const seen: number[] = [];
    for await (const { id } of follow(watched, hints.onRecorded, { signal: inPage.signal })) {
      seen.push(id);
      if (id === 2) inPage.abort();
    }
    expect(seen).toEqual([1, 2]);
    expect(hints.listeners.size).toBe(0);
  });

  test('a failed read ends it with its error, once; what was read before is given first', async () => {
    const { watched, hints, record } = setUp();
    await record(2);
    const subscription = follow(watched, hints.onRecorded);
    expect(await take(subscription, 1)).toEqual([1]);
    watched.afterRead = async () => {
      throw new Error('the store is gone');
    };
    expect(await take(subscription, 1)).toEqual([2]);
    const waiting = [subscription.next(), subscription.next()] as const;
    hints.ring();
    await expect(waiting[0]).rejects.toThrow('the store is gone');
    expect(await waiting[1]).toEqual({ done: true, value: undefined });
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    expect(hints.listeners.size).toBe(0);
  });

  test('a read that fails after the end troubles nobody', async () => {
    const { watched, hints } = setUp();
    const { promise: gate, reject: fail } = Promise.withResolvers<undefined>();
    watched.afterRead = () => gate;
    const subscription = follow(watched, hints.onRecorded);
    const waiting = subscription.next();
    await tick();
    await subscription.return();
    fail(new Error('too late'));
    expect(await waiting).toEqual({ done: true, value: undefined });
    await tick();
  });

  test('is told of when the hints have stopped: by return, by the signal, and by a failure', async () => {
    const ends: ((subscription: Subscription, abort: () => void, fail: () => void) => Promise<unknown>)[] = [
      (subscription) => subscription.return(),
      async (_subscription, abort) => abort(),
      async (_subscription, _abort, fail) => fail(),
    ];
    for (const end of ends) {
      const { watched } = setUp();
      const stopped = Promise.withResolvers<undefined>();
      let hint: () => void = () => undefined;
      const onRecorded: OnRecorded = (listener) => {
        hint = listener;
        return () => stopped.promise;
      };
      const controller = new AbortController();
      const subscription = follow(watched, onRecorded, { signal: controller.signal });
      const told: string[] = [];
      const waiting = subscription.next().then(
        () => told.push('ended'),
        () => told.push('failed'),
      );
      await tick();
      const ending = end(
        subscription,
        () => controller.abort(),
        () => {
          watched.afterRead = () => Promise.reject(new Error('gone'));
          hint();
        },
      );
      const asked = subscription.next();
      await tick();
      expect(told).toEqual([]);
      stopped.resolve(undefined);
      await Promise.all([waiting, ending]);
      expect(await asked).toEqual({ done: true, value: undefined });
      expect(told).toEqual([end === ends[2] ? 'failed' : 'ended']);
    }
  });
});
