import { expect, test } from 'vitest';
import { storedEventEquals } from '../../src/core.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';

test('stored events are equal by their values, and their states byte for byte', () => {
  const event = sampleEvent(newOriginatorId(), 1);
  const notification = { id: 1, ...event };
  expect(storedEventEquals(event, { ...event, state: Uint8Array.from(event.state) })).toBe(true);
  expect(storedEventEquals(notification, { ...notification })).toBe(true);
  const others = [
    { ...event, originatorId: newOriginatorId() },
    { ...event, originatorVersion: 2 },
    { ...event, topic: 'other' },
    { ...event, state: event.state.subarray(1) },
    { ...event, state: event.state.map((byte, index) => (index === 3 ? byte ^ 1 : byte)) },
    notification,
  ];
  for (const other of others) expect(storedEventEquals(event, other), JSON.stringify(other)).toBe(false);
  expect(storedEventEquals(notification, { ...notification, id: 2 })).toBe(false);
});
