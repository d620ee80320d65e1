/**
 * B22: `find` by an indexed field among 100,000 states, against the same documents in a table by hand, with an index by hand,
 * read by a statement that the driver has prepared once: in a worker of a browser, in Node on `node:sqlite`, and on PostgreSQL.
 *
 * @module
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/server/hosts/embedded-postgres.js';
import { DAYBOOK_STATES } from '../contenders/contender-list.js';
import { postgresSides, sqliteSides } from '../load/find-states.js';
import type { OpenedSides } from '../load/find-states.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { Random } from '../runner/random.js';
import { FIELDS, findInRounds, FOUND_BY, stockItems } from '../runner/stock-states.js';
import type { FindTimes, FindWork, FoundItem } from '../runner/stock-states.js';

const STATES = 100_000;
const FINDS = { worker: 500, sqlite: 2_000, postgres: 300 };
const TARGET = { atMost: 1.3 };

export const FOUND_STATES: BenchCase = {
  id: 'B22',
  title: 'find among 100,000 states',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const folder = await mkdtemp(join(tmpdir(), 'daybook-bench-'));
    // PostgreSQL does not run as root, whoever runs the benchmark.
    await chmod(folder, 0o755);
    try {
      const items = stockItems(STATES, new Random(context.seed));
      return [
        ...rowsOf('in the worker', 'sql.js, by hand', await inWorker(context)),
        ...rowsOf('in Node', 'node:sqlite, by hand', await inNode(join(folder, 'stock.sqlite'), items, context)),
        ...rowsOf('on PostgreSQL', 'pg, by hand', await onPostgres(join(folder, 'postgres'), items, context)),
      ];
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function rowsOf(where: string, against: string, times: FindTimes): readonly Row[] {
  return FIELDS.map((field) => {
    const count = FOUND_BY[field];
    return compare({
      ...{ id: 'B22', what: `find ${count} of 100,000 states by an index, ${where}`, against, unit: 'µs' },
      ...times[field],
      ratio: 'ours/theirs',
      target: TARGET,
    });
  });
}

function workOf({ seed, rounds }: BenchContext, finds: number): FindWork {
  return { seed, rounds, states: STATES, finds };
}

async function inWorker(context: BenchContext): Promise<FindTimes> {
  const job = { kind: 'findStates', storeName: 'bench-states', ...workOf(context, FINDS.worker) } as const;
  return await (await context.lab()).run(DAYBOOK_STATES, job);
}

async function inNode(path: string, items: readonly FoundItem[], context: BenchContext): Promise<FindTimes> {
  return await closing(await sqliteSides(path, items), workOf(context, FINDS.sqlite));
}

async function onPostgres(databaseDir: string, items: readonly FoundItem[], context: BenchContext): Promise<FindTimes> {
  const server = await startEmbeddedPostgres({ databaseDir });
  try {
    return await closing(await postgresSides(server.url, items), workOf(context, FINDS.postgres));
  } finally {
    await server.close();
  }
}

async function closing(sides: OpenedSides, work: FindWork): Promise<FindTimes> {
  try {
    return await findInRounds(sides, work);
  } finally {
    await sides.close();
  }
}
