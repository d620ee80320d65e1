/**
 * B14: how long a store in a browser that is empty takes to get a log of 100,000 events, against the same pages, fetched by
 * hand and committed to a store that is not synchronised.
 *
 * @module
 */
import { DAYBOOK_PAGE } from '../contenders/contender-list.js';
import { EVENTS_PER_UNIT, fillLog, firstSync } from '../load/first-sync.js';
import { withLoadHost } from '../load/load-host.js';
import { startLoadProcess } from '../load/load-process.js';
import type { BenchCase } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';

const EVENTS = 100_000;

export const FIRST_SYNC: BenchCase = {
  id: 'B14',
  title: 'First sync of a new store',
  async run({ lab: open, seed, rounds }) {
    const lab = await open();
    return withLoadHost(
      async ({ url }) => {
        const devices = startLoadProcess();
        try {
          await fillLog((job) => devices.run(job), url, { seed, events: EVENTS });
        } finally {
          devices.close();
        }
        const side =
          (kind: 'firstSync' | 'pages'): Side =>
          (round) =>
            firstSync(lab, kind, { url, events: EVENTS, storeName: `bench-${kind}-${round}` });
        const { synchronised, byHand } = await runRounds(
          { synchronised: side('firstSync'), byHand: side('pages') },
          rounds,
        );
        const row = compare({
          id: 'B14',
          what: `first sync of 100,000 events, ${EVENTS_PER_UNIT} per unit, from the main thread`,
          against: 'the same pages, and insertEvents, without sync',
          unit: 'ms',
          ours: synchronised,
          theirs: byHand,
          ratio: 'ours/theirs',
          target: { atMost: 2 },
        });
        return [row];
      },
      [lab.originOf(DAYBOOK_PAGE)],
    );
  },
};
