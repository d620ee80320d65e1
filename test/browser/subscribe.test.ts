import type { Subscription } from 'daybook';
import { Application } from 'daybook/application';
import { newOriginatorId, sampleEvent, sampleEvents } from 'daybook/testing';
import { describe, expect, test, vi } from 'vitest';
import { newStoreName, openStore, rawJournal, withWorkers } from './open-store.js';

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

async function take(subscription: Subscription, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    const { value } = await subscription.next();
    if (value === undefined) break;
    ids.push(value.id);
  }
  return ids;
}

const pause = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));

describe('a subscription', () => {
  test('gives what one tab commits to every tab, in order', async () => {
    const name = newStoreName();
    const [first, second, third] = [await openStore(name), await openStore(name), await openStore(name)];
    const all = [first, second, third].map((tab) => take(tab.subscribe(), 90));
    await Promise.all(
      [first, second, third].map(async (tab) => {
        const id = newOriginatorId();
        for (let version = 1; version <= 30; version++) await tab.recorder.insertEvents([sampleEvent(id, version)]);
      }),
    );
    for (const received of await Promise.all(all)) expect(received).toEqual(upTo(90));
  });

  test('an application that has nothing but the recorder hears of what another tab records', async () => {
    const name = newStoreName();
    const [writer, reader] = [await openStore(name), await openStore(name)];
    const stored = new Application({ recorder: reader.recorder, aggregates: [], name: 'follower' });
    const heard = new Promise<void>((resolve) => stored.onRecorded(resolve));
    const next = reader.recorder.subscribe().next();
    await writer.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    expect((await next).value?.id).toBe(1);
    await heard;
  });

  test('gives whole events, after an id and of the topics that were asked for', async () => {
    const daybook = await openStore(newStoreName());
    const id = newOriginatorId();
    await daybook.recorder.insertEvents([sampleEvent(id, 1, 'a'), sampleEvent(id, 2, 'b'), sampleEvent(id, 3, 'a')]);
    const subscription = daybook.subscribe({ gt: 1, topics: ['a'] });
    expect((await subscription.next()).value).toEqual({ id: 3, ...sampleEvent(id, 3, 'a') });
    const next = subscription.next();
    await daybook.recorder.insertEvents([sampleEvent(id, 4, 'b')]);
    await daybook.recorder.insertEvents([sampleEvent(id, 5, 'a')]);
    expect((await next).value?.id).toBe(5);
    await subscription.return();
    expect(() => daybook.subscribe({ gt: 0.5 })).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error,
    );
  });

  test('holds nothing up when it is slow, and reads a page only when it needs one', async () => {
    const name = newStoreName();
    const [writer, reader] = [await openStore(name), await openStore(name)];
    const select = vi.spyOn(reader.recorder, 'selectNotifications');
    const received: number[] = [];
    const consumer = (async () => {
      for await (const { id } of reader.subscribe()) {
        received.push(id);
        if (id % 50 === 0) await pause(5);
        if (id === 1_000) break;
      }
    })();
    const id = newOriginatorId();
    for (let version = 1; version <= 1_000; version += 10) {
      await writer.recorder.insertEvents(sampleEvents(id, version, version + 9));
    }
    await consumer;
    expect(received).toEqual(upTo(1_000));
    for (const [{ limit }] of select.mock.calls) expect(limit).toBeLessThanOrEqual(500);
    // It has ended: what comes now is not read by it.
    const reads = select.mock.calls.length;
    const noticed = new Promise<void>((resolve) => {
      reader.onRecorded(resolve);
    });
    await writer.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await noticed;
    expect(select.mock.calls.length).toBe(reads);
  });

  test('finds what nobody told of when a person comes back to the page', async () => {
    const [told, untold] = [await openStore(newStoreName()), newStoreName()];
    const daybook = await openStore(untold);
    const next = daybook.subscribe().next();
    await told.recorder.insertEvents([sampleEvent(newOriginatorId(), 1, 'from a tab that died')]);
    const record = (await rawJournal(told.name, 'readonly', (journal) => journal.get(1))) as Uint8Array;
    await rawJournal(untold, 'readwrite', (journal) => journal.add(record, 1));
    window.dispatchEvent(new Event('pageshow'));
    expect((await next).value).toMatchObject({ id: 1, topic: 'from a tab that died' });
  });

  test('ends when it is aborted, at rest and at once', async () => {
    const daybook = await openStore(newStoreName());
    const controller = new AbortController();
    const waiting = take(daybook.subscribe({ signal: controller.signal }), 1);
    await pause(20);
    controller.abort();
    expect(await waiting).toEqual([]);
    expect(await take(daybook.subscribe({ signal: controller.signal }), 1)).toEqual([]);
  });

  test('ends with the error of a store that is closed', async () => {
    const daybook = await openStore(newStoreName());
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    const subscription = daybook.subscribe();
    expect(await take(subscription, 1)).toEqual([1]);
    const waiting = expect(subscription.next()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await daybook.close();
    await waiting;
    expect(await subscription.next()).toEqual({ done: true, value: undefined });
    await expect(daybook.subscribe().next()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
  });

  test('ends with the error of a worker that is killed', async () => {
    await withWorkers(async (workers) => {
      const daybook = await openStore(newStoreName());
      const waiting = daybook.subscribe().next();
      await pause(20);
      workers[0]?.terminate();
      await expect(waiting).rejects.toMatchObject({ code: 'WORKER_DIED' });
    });
  });
});

describe('a listener', () => {
  test('that throws is reported, and keeps the news from nobody', async () => {
    const report = vi.spyOn(globalThis, 'reportError').mockImplementation(() => undefined);
    const daybook = await openStore(newStoreName());
    daybook.onRecorded(() => {
      throw new RangeError('a listener');
    });
    const told = new Promise<void>((resolve) => {
      daybook.onRecorded(resolve);
    });
    await daybook.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await told;
    expect(report).toHaveBeenCalledWith(expect.any(RangeError));
    report.mockRestore();
  });
});
