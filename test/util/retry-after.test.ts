import { expect, test } from 'vitest';
import { retryAfterMs } from '../../src/util/retry-after.js';

const NOW_MS = Date.parse('2026-01-01T00:00:00Z');
const asked = (retryAfter: string, more: Record<string, string> = {}): number | undefined =>
  retryAfterMs(new Headers({ 'retry-after': retryAfter, ...more }), NOW_MS);

test('Retry-After is seconds or a date, an hour at the most', () => {
  expect(retryAfterMs(new Headers(), NOW_MS)).toBeUndefined();
  expect(asked('soon')).toBeUndefined();
  expect(asked('120')).toBe(120_000);
  expect(asked('Thu, 01 Jan 2026 00:00:30 GMT')).toBe(30_000);
  expect(asked('Wed, 31 Dec 2025 00:00:00 GMT')).toBe(0);
  expect(asked('99999999')).toBe(3_600_000);
});

test('a date of a server whose clock, or ours, is a year off, is taken by its own clock', () => {
  const date = 'Fri, 01 Jan 2027 00:00:00 GMT';
  expect(asked('Fri, 01 Jan 2027 00:00:30 GMT', { date })).toBe(30_000);
  expect(asked('Wed, 01 Jan 2025 00:00:30 GMT', { date: 'Wed, 01 Jan 2025 00:00:00 GMT' })).toBe(30_000);
  expect(asked('Fri, 01 Jan 2027 00:00:30 GMT', { date: 'no date' })).toBe(3_600_000);
});
