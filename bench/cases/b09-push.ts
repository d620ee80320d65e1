/**
 * B9: how many pending events per second a device gets into PostgreSQL over HTTP, against plain inserts of as many rows into
 * a table like that of the events, on the same server, which keeps its promises.
 *
 * @module
 */
import { createPgPool } from '../../src/persistence/postgres/index.js';
import type { PgPool } from '../../src/persistence/postgres/index.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { NodeHost } from '../../src/server/hosts/index.js';
import { withLoadHost } from '../load/load-host.js';
import { createPlainTable, insertPlainly } from '../load/plain-table.js';
import { startLoadProcess } from '../load/load-process.js';
import type { LoadProcess } from '../load/load-process.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { Random } from '../runner/random.js';
import { runRounds } from '../runner/rounds.js';
import { EventSource } from '../runner/workload.js';

const EVENTS = 10_000;
const ROWS_PER_INSERT = 500;
const AGAINST = 'INSERT … SELECT unnest, 500 rows each';

export const PUSH_BACKLOG: BenchCase = {
  id: 'B9',
  title: 'Push of a backlog',
  run: (context) => withLoadHost((host) => compareOn(host, context)),
};

async function compareOn(host: NodeHost, context: BenchContext): Promise<readonly Row[]> {
  const devices = startLoadProcess();
  const pool = await createPgPool({ connectionString: host.databaseUrl });
  try {
    await createPlainTable(pool, host.recorder.dialect.log?.eventsTable ?? '');
    const rows: Row[] = [];
    for (const eventsPerUnit of [1, 10]) rows.push(await compareUnits({ host, devices, pool }, eventsPerUnit, context));
    return rows;
  } finally {
    devices.close();
    await pool.end();
  }
}

async function compareUnits(
  { host, devices, pool }: { readonly host: NodeHost; readonly devices: LoadProcess; readonly pool: PgPool },
  eventsPerUnit: number,
  { seed, rounds }: BenchContext,
): Promise<Row> {
  const seedOf = (round: number): number => seed + eventsPerUnit * (rounds + 1) + round;
  const figures = await runRounds(
    {
      ours: async (round) => {
        const job = { kind: 'backlog', url: host.url, seed: seedOf(round), events: EVENTS, eventsPerUnit } as const;
        const { tookMs } = await devices.run(job);
        return (EVENTS * 1_000) / (tookMs[0] as number);
      },
      theirs: async (round) => (EVENTS * 1_000) / (await insertAll(pool, seedOf(round))),
    },
    rounds,
  );
  return compare({
    id: 'B9',
    what: `10,000 pending events, ${eventsPerUnit === 1 ? '1 event' : `${eventsPerUnit} events`} per unit, over HTTP`,
    against: AGAINST,
    unit: 'events/s',
    ratio: 'ours/theirs',
    target: { atLeast: 0.5 },
    ...figures,
  });
}

async function insertAll(pool: PgPool, seed: number): Promise<number> {
  const random = new Random(seed);
  const source = new EventSource(random);
  const parts = Array.from({ length: EVENTS / ROWS_PER_INSERT }, () =>
    source.take(ROWS_PER_INSERT).map((event): StoredEvent => ({ ...event, originatorId: random.uuid() })),
  );
  const startMs = performance.now();
  for (const part of parts) {
    await insertPlainly(pool, part);
  }
  return performance.now() - startMs;
}
