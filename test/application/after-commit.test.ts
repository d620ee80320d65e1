import { afterEach, describe, expect, test, vi } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { ApplicationOptions } from '../../src/application/application-options.js';
import { cached, invalidation } from '../../src/application/cached.js';
import { feedNews } from '../../src/application/log/feed-news.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { Notification } from '../../src/persistence/stored-event.js';
import { stockIdOf, testStock } from '../../src/testing/conformance/order-world.js';
import { ManualClock } from '../support/manual-clock.js';
import { uncaughtErrors } from '../support/uncaught-errors.js';

const NAILS = stockIdOf('nails');
const ADD = { type: 'Add', data: { quantity: 5 } } as const;

afterEach(() => {
  vi.restoreAllMocks();
});

function openApp(options: Partial<ApplicationOptions>): Application {
  return new Application({ recorder: new MemoryProcessRecorder(), aggregates: [testStock], ...options });
}

describe('after a commit', () => {
  test('a participant or a listener that throws does not make it look as if nothing was stored', async () => {
    const errors = uncaughtErrors();
    const told: string[] = [];
    const app = openApp({
      inline: [
        {
          onCommitted: () => {
            throw new RangeError('a participant');
          },
        },
        { onCommitted: () => void told.push('the next participant') },
      ],
    });
    app.onRecorded(() => {
      throw new RangeError('a listener');
    });
    app.onRecorded(() => void told.push('the next listener'));
    const { state } = await app.execute(testStock, NAILS, ADD);
    expect(state).toEqual({ free: 5 });
    expect(told).toEqual(['the next participant', 'the next listener']);
    expect(errors.map(String)).toEqual(['RangeError: a participant', 'RangeError: a listener']);
  });
});

describe('a participant that only hears of commits', () => {
  test('needs no transaction, and makes none', async () => {
    const recorder = new MemoryProcessRecorder();
    const plain = {
      insertEvents: recorder.insertEvents.bind(recorder),
      selectEvents: recorder.selectEvents.bind(recorder),
      selectNotifications: recorder.selectNotifications.bind(recorder),
      maxNotificationId: recorder.maxNotificationId.bind(recorder),
      maxTrackingId: recorder.maxTrackingId.bind(recorder),
      hasTrackingId: recorder.hasTrackingId.bind(recorder),
    };
    let calls = 0;
    const ask = cached(async (id: string) => `${id} ${++calls}`, { tags: (id) => [id] });
    const app = openApp({ recorder: plain, inline: [invalidation([ask], ({ originatorId }) => [originatorId])] });
    expect(await ask(NAILS)).toBe(`${NAILS} 1`);
    await app.execute(testStock, NAILS, ADD);
    expect(await ask(NAILS)).toBe(`${NAILS} 2`);
    expect(() => openApp({ recorder: plain, inline: [{ onRecorded: async () => undefined }] })).toThrow('transactions');
    const transaction = vi.spyOn(recorder, 'transaction');
    await openApp({ recorder, inline: [{ onCommitted: () => undefined }] }).execute(testStock, NAILS, ADD);
    expect(transaction).not.toHaveBeenCalled();
  });
});

describe('a feed', () => {
  test('that has ended is not asked again and again', async () => {
    let subscriptions = 0;
    const feed = {
      async *subscribe(): AsyncGenerator<Notification, void, undefined> {
        if (++subscriptions > 10) throw new RangeError('again and again');
      },
    };
    const stop = feedNews({ feed, maxNotificationId: async () => 0, clock: new ManualClock() }, () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 10));
    stop();
    expect(subscriptions).toBe(1);
  });

  test('does not take a listener that throws for a failure of its own', async () => {
    const errors = uncaughtErrors();
    let subscriptions = 0;
    const feed = {
      async *subscribe(): AsyncGenerator<Notification, void, undefined> {
        subscriptions++;
        for (let id = 1; id <= 3; id++) {
          yield { id, originatorId: NAILS, originatorVersion: id, topic: 'test', state: new Uint8Array() };
        }
      },
    };
    const app = openApp({ notifications: feed });
    let calls = 0;
    const told: string[] = [];
    const stops = [
      app.onRecorded(() => {
        calls++;
        throw new RangeError('a listener');
      }),
      app.onRecorded(() => void told.push('the next listener')),
    ];
    await vi.waitFor(() => expect(told).toHaveLength(3));
    for (const stop of stops) stop();
    expect({ calls, subscriptions }).toEqual({ calls: 3, subscriptions: 2 });
    expect(errors.map(String)).toEqual(Array(3).fill('RangeError: a listener'));
  });
});
