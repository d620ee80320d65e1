import { expect, test } from 'vitest';
import { retryAfterMs } from '../../src/util/retry-after.js';

test('Retry-After is seconds or a date, an hour at the most', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfterMs(null, nowMs)).toBeUndefined();
  expect(retryAfterMs('soon', nowMs)).toBeUndefined();
  expect(retryAfterMs('120', nowMs)).toBe(120_000);
  expect(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', nowMs)).toBe(30_000);
  expect(retryAfterMs('Wed, 31 Dec 2025 00:00:00 GMT', nowMs)).toBe(0);
  expect(retryAfterMs('99999999', nowMs)).toBe(3_600_000);
});
