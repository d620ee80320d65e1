/**
 * B15: how long it takes from a commit in one browser until the event can be read in another one that follows the same log,
 * against the sum of the parts of that way, each measured by itself.
 *
 * @module
 */
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { DAYBOOK_PAGE } from '../contenders/contender-list.js';
import { withLoadHost } from '../load/load-host.js';
import { pairLatencies, partsLatencies, sumsOf } from '../load/live-pair.js';
import type { PartsMs } from '../load/live-pair.js';
import { startPartsServer } from '../load/parts-server.js';
import { createPlainTable } from '../load/plain-table.js';
import type { NodeHost } from '../../src/server/hosts/index.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { againstFigure, compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { runRounds } from '../runner/rounds.js';
import { median, quantile } from '../runner/statistics.js';

// So many that a 99th percentile is not the slowest of them.
const COMMITS = 200;
const QUANTILES = [0.5, 0.99] as const;
const TEXTS: Readonly<Record<keyof PartsMs, string>> = {
  commit: 'a strict transaction of raw IndexedDB',
  push: 'a POST of as many bytes, answered at once',
  insert: 'INSERT of one row into PostgreSQL',
  head: 'a message on an open stream',
  page: 'a GET of as many bytes, answered at once',
  commitThere: 'a strict transaction, in the other browser',
};

export const LIVE_PAIR: BenchCase = {
  id: 'B15',
  title: 'A commit until it can be read in another browser',
  async run(context) {
    const labs = [await context.lab(0), await context.lab(1)];
    return withLoadHost(
      (host) => compareOn(host, context),
      labs.map((lab) => lab.originOf(DAYBOOK_PAGE)),
    );
  },
};

async function compareOn(host: NodeHost, { lab, seed, rounds }: BenchContext): Promise<readonly Row[]> {
  const browsers = { writer: await lab(0), reader: await lab(1) };
  const server = await startPartsServer();
  const pool = await createPgPool({ connectionString: host.databaseUrl });
  const ours: (readonly number[])[] = [];
  const theirs: PartsMs[] = [];
  try {
    await createPlainTable(pool, host.recorder.dialect.log?.eventsTable ?? '');
    const roundOf = (round: number) => ({
      ...{ seed: seed + round * 10_000, storeName: `bench-${round}`, commits: COMMITS },
    });
    await runRounds(
      {
        pair: async (round) => {
          ours[round] = await pairLatencies(browsers, host.url, await host.unitLog.head(), roundOf(round));
          return median(ours[round]);
        },
        parts: async (round) => {
          theirs[round] = await partsLatencies(browsers, server, pool, roundOf(round));
          return median(sumsOf(theirs[round]));
        },
      },
      rounds,
    );
  } finally {
    await pool.end();
    await server.close();
  }
  // The first one only warms up.
  return rowsOf(ours.slice(1), theirs.slice(1));
}

function rowsOf(ours: readonly (readonly number[])[], theirs: readonly PartsMs[]): readonly Row[] {
  const compared = QUANTILES.map((part) =>
    compare({
      id: 'B15',
      what: `commit of 1 event until it can be read in another browser, p${part * 100}`,
      against: 'the sum of its parts, bare',
      unit: 'ms',
      ours: ours.map((ms) => quantile(ms, part)),
      theirs: theirs.map((ms) => quantile(sumsOf(ms), part)),
      ratio: 'ours/theirs',
      target: { atMost: 1.5 },
    }),
  );
  const parts = (Object.keys(TEXTS) as (keyof PartsMs)[]).map((part) =>
    againstFigure({
      id: 'B15',
      what: `of these parts, ${TEXTS[part]}, p50`,
      unit: 'ms',
      ours: theirs.map((ms) => median(ms[part])),
    }),
  );
  return [...compared, ...parts];
}
