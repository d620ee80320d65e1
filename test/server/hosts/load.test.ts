/** What the benchmarks of many devices do, with few of them: all arrive, all hear of it, and nobody is refused for good. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { runLoad } from '../../../bench/load/load-jobs.js';
import { startNodeHost } from '../../../src/server/hosts/index.js';
import type { NodeHost } from '../../../src/server/hosts/index.js';
import { uniqueName } from '../../support/postgres-fixture.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

let host: NodeHost;
beforeAll(async () => {
  host = await startNodeHost({
    port: 0,
    databaseUrl: inject('pgUrl'),
    applicationName: uniqueName(),
    verifyToken: (token) => ({ subject: token }),
    log: () => undefined,
  });
});
afterAll(() => host.close());

it(`a backlog arrives as a whole, seed ${SEED}`, async () => {
  for (const [index, eventsPerUnit] of [1, 10].entries()) {
    const before = await host.unitLog.head();
    const { tookMs } = await runLoad({
      kind: 'backlog',
      url: host.url,
      seed: SEED + index,
      events: 1_200,
      eventsPerUnit,
    });
    expect(tookMs).toHaveLength(1);
    expect(await host.unitLog.head()).toBe(before + 1_200);
  }
});

it(`all who listen hear of each unit, and have it, seed ${SEED}`, async () => {
  const job = { kind: 'follow', url: host.url, seed: SEED + 2, devices: 30, units: 4 } as const;
  const { headMs, pageMs } = await runLoad(job);
  // Each device once for each unit that is timed.
  expect([headMs.length, pageMs.length]).toEqual([4 * 30, 4 * 30]);
});

it(`all who come back at once are drained, and each unit is there once, seed ${SEED}`, async () => {
  const before = await host.unitLog.head();
  const { tookMs, streamsOpened } = await runLoad({ kind: 'reconnect', url: host.url, seed: SEED + 3, devices: 60 });
  expect(tookMs).toHaveLength(1);
  expect(streamsOpened).toBe(60);
  expect(await host.unitLog.head()).toBe(before + 60);
});
