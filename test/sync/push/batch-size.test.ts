import { expect, test } from 'vitest';
import { BatchSize, bytesOf } from '../../../src/sync/push/batch-size.js';
import { PUSH_BODY_BYTES_MAX } from '../../../src/sync/protocol/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import type { Notification } from '../../../src/persistence/stored-event.js';

const page = (count: number, stateBytes: number): Notification[] =>
  Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    originatorId: newOriginatorId(),
    originatorVersion: 1,
    topic: 'T',
    state: new Uint8Array(stateBytes),
  }));

test('a batch is as large as the protocol allows, and one event always goes', () => {
  const size = new BatchSize(new ManualClock());
  expect(bytesOf(size.cut(page(500, 9_000)))).toBeGreaterThan(PUSH_BODY_BYTES_MAX * 0.95);
  size.failed(page(2, 9_000), true);
  expect(size.cut(page(500, 700_000))).toHaveLength(1);
  // Nobody reads five hundred of those again.
  expect(size.eventsMax).toBe(3);
});

test('half after a failure, twice as much after a success, up to all again', () => {
  const size = new BatchSize(new ManualClock());
  const events = page(500, 9_000);
  const whole = size.cut(events).length;
  size.failed(size.cut(events), false);
  expect(size.cut(events)).toHaveLength(Math.floor(whole / 2));
  size.failed(size.cut(events), false);
  const quarter = size.cut(events).length;
  expect(quarter).toBe(Math.floor(whole / 4));
  size.succeeded(10);
  size.succeeded(10);
  size.succeeded(10);
  expect(size.cut(events)).toHaveLength(whole);
});

test('a slow success does not make it larger', () => {
  const size = new BatchSize(new ManualClock());
  const events = page(500, 9_000);
  size.failed(size.cut(events), true);
  const half = size.cut(events).length;
  size.succeeded(20_000);
  expect(size.cut(events)).toHaveLength(half);
});

test.each([20_000, 100_000, 600_000])('a limit of %d bytes is met a few times, and then kept below', (limit) => {
  const clock = new ManualClock();
  const size = new BatchSize(clock);
  const events = page(500, 1_000);
  let [refused, taken] = [0, 0];
  for (let round = 0; round < 60; round++) {
    const batch = size.cut(events);
    if (bytesOf(batch) > limit) {
      size.failed(batch, true);
      refused++;
    } else {
      size.succeeded(10);
      taken = bytesOf(batch);
    }
  }
  expect(refused).toBeLessThan(12);
  expect(taken).toBeGreaterThan(limit / 2);
  // It may have been raised since.
  clock.advance(600_000);
  for (let round = 0; round < 10; round++) size.succeeded(10);
  expect(size.cut(events)).toHaveLength(500);
});
