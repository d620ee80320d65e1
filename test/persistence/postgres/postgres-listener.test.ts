import { afterEach, describe, expect, test, vi } from 'vitest';
import type { PostgresPool } from '../../../src/persistence/postgres/postgres-driver.js';
import { PostgresListener } from '../../../src/persistence/postgres/postgres-listener.js';
import { singleClient } from '../../../src/persistence/postgres/single-client.js';
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
