/** What the benchmarks at the edge do, with little: both sides append and read the same, in Cloudflare's runtime. */
import { expect, test } from 'vitest';
import { compareAtEdge } from '../../bench/load/edge-store.js';

const WORK = [
  { what: 'append', kind: 'append', times: 3, events: 1 },
  { what: 'append', kind: 'append', times: 2, events: 5 },
  { what: 'read', kind: 'read', times: 2, events: 5 },
] as const;

test.each(['object', 'd1'] as const)('events %s are appended and read as by hand', async (place) => {
  // It throws where either side has other events.
  const rounds = Number(process.env['ROUNDS'] ?? 2);
  const rows = await compareAtEdge({ id: 'B', place, rounds, works: WORK });
  expect(rows.map(({ rounds: measured, holds }) => [measured, typeof holds])).toEqual(
    WORK.map(() => [rounds, 'boolean']),
  );
  expect(Math.min(...rows.flatMap(({ ours, theirs }) => [ours, theirs]))).toBeGreaterThan(0);
});
