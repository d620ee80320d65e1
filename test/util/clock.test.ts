import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { systemClock } from '../../src/util/clock.js';

const DAY_MS = 86_400_000;

describe("the platform's clock", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  // What such a timer does by itself.
  test('a timer of the platform that is set for longer than 2^31 - 1 ms rings at once', () => {
    const ring = vi.fn();
    setTimeout(ring, 2 ** 31);
    vi.advanceTimersByTime(1);
    expect(ring).toHaveBeenCalledOnce();
  });

  test.each([2 ** 31 - 1, 2 ** 31, 2 ** 32 + 7, 100 * DAY_MS])('calls back after %d ms, and not before', (delayMs) => {
    const ring = vi.fn();
    systemClock.schedule(ring, delayMs);
    vi.advanceTimersByTime(delayMs - 1);
    expect(ring).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ring).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(100 * DAY_MS);
    expect(ring).toHaveBeenCalledOnce();
  });

  test('never calls back after Infinity', () => {
    const ring = vi.fn();
    systemClock.schedule(ring, Infinity);
    vi.advanceTimersByTime(365 * DAY_MS);
    expect(ring).not.toHaveBeenCalled();
  });

  test.each([10, 2 ** 31 + 10])('is called off before and after the first of several timers: %d ms', (delayMs) => {
    const ring = vi.fn();
    const callOff = systemClock.schedule(ring, delayMs);
    vi.advanceTimersByTime(delayMs - 5);
    callOff();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(60 * DAY_MS);
    expect(ring).not.toHaveBeenCalled();
  });
});

test('what waits does not go by the time that a device shows', () => {
  const clock = new ManualClock();
  const ring = vi.fn();
  clock.schedule(ring, 1_000);
  const before = clock.monotonicMs();
  clock.set(clock.nowMs() - DAY_MS);
  clock.advance(999);
  expect(ring).not.toHaveBeenCalled();
  clock.set(clock.nowMs() + 2 * DAY_MS);
  expect(ring).not.toHaveBeenCalled();
  clock.advance(1);
  expect(ring).toHaveBeenCalledOnce();
  expect(clock.monotonicMs() - before).toBe(1_000);

  const start = systemClock.monotonicMs();
  expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(start);
});
