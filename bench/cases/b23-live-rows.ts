/**
 * B23: a live query of 1,000 rows, one of which changes, from the call that commits to the delivery, against the same call, and
 * then the query by hand: on a page of a browser, and in Node.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DAYBOOK_APPLICATION } from '../contenders/contender-list.js';
import { liveRowsOnSqlite } from '../load/live-rows-on-sqlite.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import type { LiveTimes } from '../runner/live-rows.js';

const ROWS = 1_000;
const CHANGES = 60;

export const LIVE_ROWS: BenchCase = {
  id: 'B23',
  title: 'a live query of 1,000 rows',
  async run({ lab: open, rounds }: BenchContext): Promise<readonly Row[]> {
    const work = { rounds, rows: ROWS, changes: CHANGES };
    const lab = await open();
    const browser = await lab.run(DAYBOOK_APPLICATION, { kind: 'liveRows', storeName: 'bench-live-rows', ...work });
    const folder = await mkdtemp(join(tmpdir(), 'daybook-bench-'));
    try {
      const node = await liveRowsOnSqlite(join(folder, 'live.sqlite'), work);
      return [rowOf('from the main thread', browser), rowOf('in Node, node:sqlite', node)];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function rowOf(where: string, times: LiveTimes): Row {
  return compare({
    ...{ id: 'B23', what: `live query of 1,000 rows, one of which changes, ${where}: commit and delivery` },
    ...{ against: 'commit, and the query by hand', unit: 'ms', ratio: 'ours/theirs' },
    ...times,
  });
}
