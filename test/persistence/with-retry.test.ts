import { describe, expect, test, vi } from 'vitest';
import { withRetry } from '../../src/persistence/with-retry.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

const failing = (times: number): (() => Promise<string>) => {
  let left = times;
  return vi.fn(async () => {
    if (left-- > 0) throw new Error(`failure, ${left} left`);
    return 'done';
  });
};

describe('withRetry', () => {
  test('tries three times, a second apart, and gives the last error', async () => {
    const clock = new ManualClock();
    const work = failing(3);
    const outcome = withRetry(work, { clock });
    const refused = expect(outcome).rejects.toThrow('failure, 0 left');
    for (let attempt = 1; attempt <= 3; attempt++) {
      await vi.waitUntil(() => vi.mocked(work).mock.calls.length === attempt, { timeout: 10_000, interval: 1 });
      // Time moves only once the wait has begun.
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1_000);
    }
    await refused;
    expect(work).toHaveBeenCalledTimes(3);
  });

  test('gives what the first success gives', async () => {
    expect(await withRetry(failing(2), { delayMs: 0 })).toBe('done');
  });

  test('does not repeat what cannot pass', async () => {
    const work = failing(1);
    await expect(withRetry(work, { isRetryable: () => false })).rejects.toThrow('failure');
    expect(work).toHaveBeenCalledTimes(1);
  });

  test('ends when it is aborted, in the middle of a wait too', async () => {
    const stop = new AbortController();
    const clock = new ManualClock();
    const outcome = withRetry(failing(2), { signal: stop.signal, clock });
    const refused = expect(outcome).rejects.toThrow('enough');
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error('enough'));
    await refused;
  });
});
