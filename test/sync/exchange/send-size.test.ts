import { expect, test } from 'vitest';
import { SendSize } from '../../../src/sync/exchange/send-size.js';
import { LIMITS_DEFAULT } from '../../../src/sync/protocol/protocol.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';

const bytesOf = (size: SendSize): number => size.limits(LIMITS_DEFAULT).bytesMax;

test('as much as the server takes, with room for the rest of the request', () => {
  const size = new SendSize(new ManualClock());
  expect(size.limits(LIMITS_DEFAULT).eventsMax).toBe(LIMITS_DEFAULT.events);
  expect(bytesOf(size)).toBeLessThan(LIMITS_DEFAULT.bytes);
  expect(bytesOf(size)).toBeGreaterThan(LIMITS_DEFAULT.bytes * 0.95);
  // One that takes next to nothing is asked for something all the same.
  expect(size.limits({ ...LIMITS_DEFAULT, events: 1, bytes: 1 })).toEqual({ eventsMax: 1, bytesMax: 1 });
});

test('half after a failure, twice as much after a success, up to all again', () => {
  const size = new SendSize(new ManualClock());
  const whole = bytesOf(size);
  size.failed(whole, 10, false);
  expect(bytesOf(size)).toBe(whole / 2);
  size.failed(whole / 2, 10, false);
  expect(bytesOf(size)).toBe(whole / 4);
  for (let round = 0; round < 3; round++) size.succeeded(10);
  expect(bytesOf(size)).toBe(whole);
});

test('a slow success does not make it larger', () => {
  const size = new SendSize(new ManualClock());
  size.failed(bytesOf(size), 10, true);
  const half = bytesOf(size);
  size.succeeded(20_000);
  expect(bytesOf(size)).toBe(half);
});

test.each([20_000, 100_000, 600_000])('a limit of %d bytes is met a few times, and then kept below', (limit) => {
  const clock = new ManualClock();
  const size = new SendSize(clock);
  const whole = bytesOf(size);
  let [refused, taken] = [0, 0];
  for (let round = 0; round < 60; round++) {
    const bytes = bytesOf(size);
    if (bytes > limit) {
      size.failed(bytes, 10, true);
      refused++;
    } else {
      size.succeeded(10);
      taken = bytes;
    }
  }
  expect(refused).toBeLessThan(12);
  expect(taken).toBeGreaterThan(limit / 2);
  // It may have been raised since.
  clock.advance(600_000);
  for (let round = 0; round < 10; round++) size.succeeded(10);
  expect(bytesOf(size)).toBe(whole);
});

test('what failed after a long time counts as a limit, too', () => {
  const size = new SendSize(new ManualClock());
  const whole = bytesOf(size);
  size.failed(whole, 20_000, false);
  for (let round = 0; round < 20; round++) size.succeeded(10);
  expect(bytesOf(size)).toBeLessThan(whole);
});

test('whole bytes, and not less and less for a network that loses what is small', () => {
  const size = new SendSize(new ManualClock());
  size.failed(9, 10, false);
  size.failed(9, 10, false);
  expect(bytesOf(size)).toBe(8_192);
  size.failed(9, 10, true);
  expect(bytesOf(size)).toBe(4);
});
