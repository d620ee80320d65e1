import { expect, test } from 'vitest';
import { backlogOf } from '../../src/host/backlog-of.js';
import type { BacklogLimits } from '../../src/host/protocol/store-host.js';

test.each<[BacklogLimits | undefined, number, number]>([
  [undefined, 50_000, Infinity],
  [{ warnUnits: 7 }, 7, Infinity],
  [{ maxUnits: 1 }, 1, 1],
  [{ maxUnits: 10 }, 8, 10],
  [{ maxUnits: 1_000_000 }, 50_000, 1_000_000],
  [{ warnUnits: 10, maxUnits: 10 }, 10, 10],
])('%j: much from %d units on, and full from %d', (limits, warnUnits, maxUnits) => {
  const backlog = backlogOf(limits);
  expect(backlog(0)).toBe('normal');
  expect(backlog(warnUnits - 1)).toBe('normal');
  expect(backlog(warnUnits)).toBe(warnUnits === maxUnits ? 'full' : 'high');
  expect(backlog(Number.MAX_SAFE_INTEGER)).toBe(maxUnits === Infinity ? 'high' : 'full');
  if (maxUnits < Infinity) expect(backlog(maxUnits)).toBe('full');
  if (maxUnits < Infinity && maxUnits > 1) expect(backlog(maxUnits - 1)).not.toBe('full');
});

test.each<BacklogLimits>([
  { warnUnits: 0 },
  { warnUnits: 1.5 },
  { maxUnits: -1 },
  { maxUnits: Number.NaN },
  { maxUnits: Infinity },
  { warnUnits: 11, maxUnits: 10 },
])('%j is refused', (limits) => {
  expect(() => backlogOf(limits)).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }) as Error);
});
