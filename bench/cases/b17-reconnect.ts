/**
 * B17: how long it takes until 1,000 devices have agreed with one server process that come back at one moment, each with a
 * unit to send, a stream to open, and everybody's units to read. A request that is refused for good ends the benchmark.
 *
 * @module
 */
import { withLoadHost } from '../load/load-host.js';
import { startLoadProcess } from '../load/load-process.js';
import type { BenchCase } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import { runRounds } from '../runner/rounds.js';

const DEVICES = 1_000;
const FEW = 100;

export const RECONNECTION: BenchCase = {
  id: 'B17',
  title: 'A thousand clients reconnect at once',
  run: ({ seed, rounds }) =>
    withLoadHost(async ({ url }) => {
      const process = startLoadProcess();
      const repeated: Record<'many' | 'few', number[]> = { many: [], few: [] };
      const side = (name: 'many' | 'few', devices: number) => async (round: number) => {
        const job = { kind: 'reconnect', url, seed: seed + round * 10_000 + devices, devices } as const;
        const outcome = await process.run(job);
        if (round > 0) repeated[name].push(outcome.repeated);
        return outcome.tookMs[0] as number;
      };
      try {
        const { many, few } = await runRounds({ many: side('many', DEVICES), few: side('few', FEW) }, rounds);
        const common = { id: 'B17', against: '100 clients', ratio: 'ours/theirs' } as const;
        return [
          compare({
            ...common,
            what: '1,000 clients reconnect, until all are drained',
            unit: 'ms',
            ours: many,
            theirs: few,
          }),
          compare({
            ...common,
            what: 'of this, requests that had to be sent again, and one',
            unit: 'requests',
            // One more of both, so that there is a ratio where there are none.
            ours: repeated.many.map((count) => count + 1),
            theirs: repeated.few.map((count) => count + 1),
          }),
        ];
      } finally {
        process.close();
      }
    }),
};
