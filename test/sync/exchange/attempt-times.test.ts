import { describe, expect, test } from 'vitest';
import { AttemptTimes } from '../../../src/sync/exchange/attempt-times.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';

function setUp(random = 1): { readonly clock: ManualClock; readonly times: AttemptTimes } {
  const clock = new ManualClock();
  clock.advance(10_000);
  const times = new AttemptTimes(clock, () => random - 1e-9);
  times.began();
  return { clock, times };
}

describe('when it is tried again', () => {
  test('at once, while nothing has failed', () => {
    const { times } = setUp();
    expect(times.waitMs).toBe(0);
    expect(times.isFine).toBe(true);
  });

  test('after a wait that doubles, up to a minute, where there is no answer', () => {
    const { times } = setUp();
    const waits = Array.from({ length: 8 }, () => {
      times.failed(false, undefined);
      return Math.ceil(times.waitMs / 1_000);
    });
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    times.succeeded();
    times.failed(false, undefined);
    expect(times.waitMs).toBeLessThanOrEqual(1_000);
  });

  test('once a minute after a refusal, which a new commit does not change', () => {
    const { times } = setUp();
    times.failed(true, undefined);
    times.noteCommit();
    expect(times.waitMs).toBe(60_000);
  });

  test('sooner after a new commit, and not more than once a second', () => {
    const { clock, times } = setUp();
    for (let failures = 0; failures < 7; failures++) times.failed(false, undefined);
    times.noteCommit();
    expect(times.waitMs).toBe(1_000);
    clock.advance(5_000);
    expect(times.waitMs).toBe(0);
  });

  test('not before "Retry-After", whatever there is to hope', () => {
    const { clock, times } = setUp();
    times.failed(false, 90_000);
    times.hope();
    times.noteCommit();
    // And a tenth of it at most, by chance.
    expect(times.waitMs).toBe(98_999);
    clock.advance(98_999);
    expect(times.waitMs).toBe(0);
  });

  test('a part of a second later, by chance, where "Retry-After" is short', () => {
    const waits = [1e-9, 0.5, 1].map((random) => {
      const { times } = setUp(random);
      times.failed(false, 2_000);
      times.hope();
      return times.waitMs;
    });
    expect(waits).toEqual([2_000, 2_499, 2_999]);
  });

  test('at once where there is a reason to hope', () => {
    const { times } = setUp();
    times.failed(true, undefined);
    times.hope();
    expect(times.waitMs).toBe(0);
  });

  test('a minute after the network was lost, and what was due before that stays so', () => {
    const { times } = setUp();
    times.putOff();
    expect(times.waitMs).toBe(60_000);
    times.failed(false, undefined);
    const due = times.waitMs;
    times.putOff();
    expect(times.waitMs).toBe(due);
  });
});
