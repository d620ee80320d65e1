/**
 * B6: how long a store of 100,000 events takes to open, until the first aggregate is read.
 *
 * @module
 */
import { DAYBOOK_PAGE, DAYBOOK_WORKER, SQLITE_OPFS, WA_SQLITE_MIRROR_STRICT } from '../contenders/contender-list.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import type { ContenderInfo } from '../runner/contender.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';

const STORE_EVENTS = 100_000;
const EVENTS_PER_COMMIT = 100;
const STORE_NAME = 'bench-open';
const CONTENDERS: readonly ContenderInfo[] = [DAYBOOK_WORKER, WA_SQLITE_MIRROR_STRICT, SQLITE_OPFS, DAYBOOK_PAGE];

export const OPEN_STORE: BenchCase = {
  id: 'B6',
  title: 'opening a store of 100,000 events',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const lab = await context.lab();
    const store = { storeName: STORE_NAME, seed: context.seed, events: STORE_EVENTS } as const;
    for (const contender of CONTENDERS) {
      await lab.run(contender, { kind: 'fill', ...store, eventsPerCommit: EVENTS_PER_COMMIT });
    }
    const side =
      (contender: ContenderInfo): Side =>
      async () =>
        (await lab.run(contender, { kind: 'open', ...store })).openMs;
    const figures = await runRounds(
      {
        ours: side(DAYBOOK_WORKER),
        mirror: side(WA_SQLITE_MIRROR_STRICT),
        opfs: side(SQLITE_OPFS),
        page: side(DAYBOOK_PAGE),
      },
      context.rounds,
    );
    for (const contender of CONTENDERS) await lab.run(contender, { kind: 'clear' });
    const common = { id: 'B6', unit: 'ms', ratio: 'ours/theirs', ours: figures.ours } as const;
    const what = 'open 100,000 events and read an aggregate';
    return [
      compare({
        ...common,
        what: `${what}, in the worker`,
        against: WA_SQLITE_MIRROR_STRICT.label,
        theirs: figures.mirror,
        target: { atMost: 0.5 },
      }),
      compare({ ...common, what: `${what}, in the worker`, against: SQLITE_OPFS.label, theirs: figures.opfs }),
      compare({
        ...common,
        what: `${what}, from the main thread`,
        against: DAYBOOK_WORKER.label,
        ours: figures.page,
        theirs: figures.ours,
      }),
    ];
  },
};
