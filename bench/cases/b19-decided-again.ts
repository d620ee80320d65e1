/**
 * B19: how many conflicts per second a device decides again that comes back with pending units on aggregates to which another
 * one has written meanwhile.
 *
 * @module
 */
import { DAYBOOK_APPLICATION } from '../contenders/contender-list.js';
import { withLoadHost } from '../load/load-host.js';
import type { BenchCase } from '../runner/bench-case.js';
import { againstFigure } from '../runner/comparison.js';
import { runRounds } from '../runner/rounds.js';

const UNITS = 200;

export const DECIDED_AGAIN: BenchCase = {
  id: 'B19',
  title: 'conflicts that are decided again',
  async run({ lab: open, rounds }) {
    const lab = await open();
    return await withLoadHost(
      async ({ url }) => {
        const { figures } = await runRounds(
          {
            figures: async (round) => {
              const work = { kind: 'decideAgain', storeName: `bench-again-${round}`, units: UNITS } as const;
              const { tookMs } = await lab.run(DAYBOOK_APPLICATION, {
                ...work,
                server: { url, token: `again-${round}` },
              });
              return (UNITS * 1_000) / (tookMs[0] as number);
            },
          },
          rounds,
        );
        const what = '200 pending units, all in conflict, until they are decided again, sent and confirmed';
        return [againstFigure({ id: 'B19', what, unit: 'units/s', ours: figures })];
      },
      [lab.originOf(DAYBOOK_APPLICATION)],
    );
  },
};
