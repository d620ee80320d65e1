/**
 * B21: events of a log of 1,000,000 that move from PostgreSQL to SQLite in Node and back, checked and hashed at both ends, against
 * the same rows read and inserted by plain statements, which nobody checks. Both keep their promises: `fsync` on.
 *
 * @module
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/server/hosts/embedded-postgres.js';
import { buildOldHouse, moveByFiles, moveByHand } from '../load/moving-house.js';
import type { MovingTimes, OldHouse } from '../load/moving-house.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';

const EVENTS = 1_000_000;
// A round takes minutes, and moves so much that one is no better than another for being the first.
const ROUNDS_MAX = 3;
const WAYS = [
  ['thereMs', '1,000,000 events from PostgreSQL to SQLite, by a file of events'],
  ['backMs', 'and back to PostgreSQL'],
] as const;

export const MOVING_HOUSE: BenchCase = {
  id: 'B21',
  title: 'Moving 1,000,000 events',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const folder = await mkdtemp(join(tmpdir(), 'daybook-bench-'));
    // PostgreSQL does not run as root, whoever runs the benchmark.
    await chmod(folder, 0o755);
    const server = await startEmbeddedPostgres({ databaseDir: join(folder, 'postgres') });
    try {
      const house = await buildOldHouse(server.url, { seed: context.seed, events: EVENTS });
      try {
        return await compareIn(house, folder, context);
      } finally {
        await house.close();
      }
    } finally {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function compareIn(house: OldHouse, folder: string, { rounds }: BenchContext): Promise<readonly Row[]> {
  const [ours, theirs]: [MovingTimes[], MovingTimes[]] = [[], []];
  for (let round = 0; round < Math.min(rounds, ROUNDS_MAX); round++) {
    ours.push(await moveByFiles(house, folder));
    theirs.push(await moveByHand(house, folder));
  }
  return WAYS.map(([way, what]) => {
    const perSecond = (times: readonly MovingTimes[]): number[] => times.map((one) => (EVENTS * 1_000) / one[way]);
    return compare({
      ...{
        id: 'B21',
        what,
        against: 'SELECT and INSERT of 500 rows each, by hand',
        unit: 'events/s',
        ratio: 'ours/theirs',
      },
      ours: perSecond(ours),
      theirs: perSecond(theirs),
    });
  });
}
