/**
 * B1: how long a durable commit of one event takes.
 *
 * @module
 */
import {
  DAYBOOK_PAGE,
  DAYBOOK_WORKER,
  DEXIE,
  LIVESTORE,
  PGLITE,
  RAW_INDEXEDDB,
  SQLITE_OPFS,
  SQLJS_EXPORT,
  WA_SQLITE_BATCH_ATOMIC,
  WA_SQLITE_MIRROR,
  WA_SQLITE_MIRROR_STRICT,
} from '../contenders/contender-list.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import type { ContenderInfo } from '../runner/contender.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { median } from '../runner/statistics.js';
import { commitSide } from './commit-sides.js';

const COMMITS = 200;
// Each writes the whole store, so that a round of 200 would make every other side wait.
const COMMITS_EXPORT = 40;
// Each looks at every file of the database, and writes those that were changed, whole.
const COMMITS_PGLITE = 40;

export const COMMIT_ONE: BenchCase = {
  id: 'B1',
  title: 'commit of 1 event, durable',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const lab = await context.lab();
    const side = (contender: ContenderInfo, commits = COMMITS): Side =>
      commitSide(lab, context, contender, { commits, eventsPerCommit: 1 }, median);
    const figures = await runRounds(
      {
        ours: side(DAYBOOK_WORKER),
        raw: side(RAW_INDEXEDDB),
        mirrorStrict: side(WA_SQLITE_MIRROR_STRICT),
        mirror: side(WA_SQLITE_MIRROR),
        batchAtomic: side(WA_SQLITE_BATCH_ATOMIC),
        dexie: side(DEXIE),
        opfs: side(SQLITE_OPFS),
        export: side(SQLJS_EXPORT, COMMITS_EXPORT),
        pglite: side(PGLITE, COMMITS_PGLITE),
        livestore: side(LIVESTORE),
        page: side(DAYBOOK_PAGE),
      },
      context.rounds,
    );
    const common = { id: 'B1', what: 'commit of 1 event, in the worker', unit: 'ms', ours: figures.ours } as const;
    const faster = { ...common, ratio: 'theirs/ours' } as const;
    return [
      compare({
        ...common,
        against: RAW_INDEXEDDB.label,
        theirs: figures.raw,
        ratio: 'ours/theirs',
        target: { atMost: 1.25 },
      }),
      compare({
        ...faster,
        against: WA_SQLITE_MIRROR_STRICT.label,
        theirs: figures.mirrorStrict,
        target: { atLeast: 2.5 },
      }),
      compare({
        ...faster,
        against: WA_SQLITE_BATCH_ATOMIC.label,
        theirs: figures.batchAtomic,
        target: { atLeast: 5 },
      }),
      compare({ ...faster, against: WA_SQLITE_MIRROR.label, theirs: figures.mirror }),
      compare({ ...faster, against: DEXIE.label, theirs: figures.dexie }),
      compare({ ...faster, against: PGLITE.label, theirs: figures.pglite }),
      compare({ ...faster, against: SQLITE_OPFS.label, theirs: figures.opfs }),
      compare({ ...faster, against: SQLJS_EXPORT.label, theirs: figures.export }),
      compare({ ...faster, against: LIVESTORE.label, theirs: figures.livestore, target: { atLeast: 10 } }),
      // From the same place.
      compare({
        ...faster,
        what: 'commit of 1 event, from the main thread',
        against: LIVESTORE.label,
        ours: figures.page,
        theirs: figures.livestore,
      }),
      compare({
        ...common,
        what: 'commit of 1 event, from the main thread',
        against: DAYBOOK_WORKER.label,
        ours: figures.page,
        theirs: figures.ours,
        ratio: 'ours/theirs',
      }),
    ];
  },
};
