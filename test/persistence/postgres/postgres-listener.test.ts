import { afterEach, describe, expect, test, vi } from 'vitest';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { PostgresPool } from '../../../src/persistence/postgres/postgres-driver.js';
import { PostgresListener } from '../../../src/persistence/postgres/postgres-listener.js';
import { follow } from '../../../src/persistence/postgres/postgres-subscription.js';
import { singleClient } from '../../../src/persistence/postgres/single-client.js';
import { newOriginatorId, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { CountingClock } from '../../support/counting-clock.js';
import { uncaughtErrors } from '../../support/uncaught-errors.js';

afterEach(() => {
  vi.restoreAllMocks();
});

function fail(): never {
  throw new RangeError('a reader');
}

describe('readers that are woken', () => {
  test('by a pool that listens for them: all are, also when one throws, and the last one ends the listening', async () => {
    const errors = uncaughtErrors();
    const log: string[] = [];
    let notify: () => void = () => undefined;
    const pool = {
      listen: async (_channel: string, onNotification: () => void) => {
        notify = onNotification;
        return async () => void log.push('off');
      },
    } as unknown as PostgresPool;
    const listener = new PostgresListener(pool, '"events"');
    const reader = (): void => void log.push('read');
    const removes = [listener.add(fail), listener.add(reader), listener.add(reader)];
    await vi.waitFor(() => expect(log).toEqual(['read', 'read']));
    notify();
    expect(log).toEqual(['read', 'read', 'read', 'read']);
    expect(errors.map(String)).toEqual(['RangeError: a reader', 'RangeError: a reader']);
    await removes[1]?.();
    await removes[1]?.();
    notify();
    expect(log).toHaveLength(5);
    await removes[0]?.();
    expect(log).not.toContain('off');
    await removes[2]?.();
    expect(log.at(-1)).toBe('off');
  });

  test('over the only connection: those of every channel, also when one throws', async () => {
    const errors = uncaughtErrors();
    const statements: string[] = [];
    let notify: () => void = () => undefined;
    const pool = singleClient({
      query: async (text) => {
        statements.push(text);
        return { rows: [], rowCount: 0 };
      },
      on: (event, listener) => {
        if (event === 'notification') notify = listener;
      },
    });
    let reads = 0;
    const read = (): number => reads++;
    const stopFailing = await pool.listen?.('"one"', fail);
    const stops = [await pool.listen?.('"two"', read), await pool.listen?.('"two"', read)];
    notify();
    expect(reads).toBe(2);
    expect(errors.map(String)).toEqual(['RangeError: a reader']);
    await stops[0]?.();
    notify();
    expect(reads).toBe(3);
    await stopFailing?.();
    await stops[1]?.();
    expect(statements.filter((text) => text.startsWith('UNLISTEN'))).toEqual(['UNLISTEN "one"', 'UNLISTEN "two"']);
  });
});

describe('a subscription', () => {
  test('looks by the clock where nobody tells of news, and leaves no timer', async () => {
    const clock = new CountingClock();
    const recorder = new MemoryProcessRecorder();
    const listener = new PostgresListener({ supportsNotifications: false } as PostgresPool, '"events"');
    const subscription = follow(recorder, listener, { clock });
    const next = subscription.next();
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 2));
    // The first look may have been before, or after.
    clock.advance(1_000);
    expect((await next).value).toMatchObject({ id: 1 });
    expect((await subscription.next()).value).toMatchObject({ id: 2 });
    const third = subscription.next();
    await new Promise((resolve) => setImmediate(resolve));
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 1));
    clock.advance(999);
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1);
    expect((await third).value).toMatchObject({ id: 3 });
    expect(clock.openCount).toBe(1);
    await subscription.return();
    expect(clock.openCount).toBe(0);
  });

  test('that is aborted has stopped listening when it ends', async () => {
    const log: string[] = [];
    const pool = {
      listen: async () => async () => {
        await new Promise((resolve) => setImmediate(resolve));
        log.push('off');
      },
    } as unknown as PostgresPool;
    const controller = new AbortController();
    const listener = new PostgresListener(pool, '"events"');
    const subscription = follow(new MemoryProcessRecorder(), listener, { signal: controller.signal });
    const next = subscription.next();
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(log).toEqual(['off']);
  });
});
