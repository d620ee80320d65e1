/**
 * B10: how many events per second the PostgreSQL recorder takes and gives, against Emmett, on one server that keeps
 * its promises: `fsync` on, and every commit waits for the disk.
 *
 * @module
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { startEmbeddedPostgres } from '../../src/server/hosts/embedded-postgres.js';
import { openEmmett } from '../contenders/emmett-postgres.js';
import type { PostgresContender } from '../contenders/emmett-postgres.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { Random } from '../runner/random.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { EventSource } from '../runner/workload.js';

const AGAINST = 'Emmett (emmett-postgresql 0.42)';
const decoder = new TextDecoder();

interface Work {
  readonly what: string;
  /** Events in each call, all of one aggregate. */
  readonly eventsPerCall: number;
  readonly calls: number;
  /** How often the round reads what it has appended, and measures that instead; 0 measures appending. */
  readonly readings: number;
}

const WORKS: readonly Work[] = [
  { what: 'append, 1 event per call', eventsPerCall: 1, calls: 500, readings: 0 },
  { what: 'append, 100 events per call', eventsPerCall: 100, calls: 80, readings: 0 },
  { what: 'read aggregates of 100 events', eventsPerCall: 100, calls: 40, readings: 10 },
];

export const POSTGRES_RECORDER: BenchCase = {
  id: 'B10',
  title: 'PostgreSQL recorder',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const folder = await mkdtemp(join(tmpdir(), 'daybook-bench-'));
    // PostgreSQL does not run as root, whoever runs the benchmark.
    await chmod(folder, 0o755);
    const server = await startEmbeddedPostgres({ databaseDir: folder });
    try {
      return await compareOn(server.url, context);
    } finally {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function compareOn(url: string, context: BenchContext): Promise<readonly Row[]> {
  const contenders = { ours: await openDaybook(url), theirs: await openEmmett(url) };
  try {
    const rows: Row[] = [];
    for (const [index, work] of WORKS.entries()) rows.push(await compareWork(contenders, work, index, context));
    return rows;
  } finally {
    // Before the server: connections that it ends under them are errors that Emmett hears nobody for.
    await Promise.all([contenders.ours.close(), contenders.theirs.close()]);
  }
}

async function compareWork(
  contenders: { readonly ours: PostgresContender; readonly theirs: PostgresContender },
  work: Work,
  index: number,
  { seed, rounds }: BenchContext,
): Promise<Row> {
  // Both sides record the same events, and no round those of another.
  const side =
    (contender: PostgresContender): Side =>
    (round) =>
      eventsPerSecond(contender, work, seed + index * (rounds + 1) + round);
  const figures = await runRounds({ ours: side(contenders.ours), theirs: side(contenders.theirs) }, rounds);
  const common = {
    id: 'B10',
    against: AGAINST,
    unit: 'events/s',
    ratio: 'ours/theirs',
    target: { atLeast: 2 },
  } as const;
  return compare({ ...common, what: work.what, ...figures });
}

async function openDaybook(url: string): Promise<PostgresContender> {
  const pool = await createPgPool({ connectionString: url });
  const recorder = new PostgresProcessRecorder({ pool, applicationName: 'bench' });
  await recorder.createTable();
  return {
    append: async (events) => void (await recorder.insertEvents(events)),
    read: async (originatorId) => {
      const events = await recorder.selectEvents(originatorId);
      // Emmett gives parsed events, so parsing is part of the work.
      return events.map(({ state }) => JSON.parse(decoder.decode(state)) as unknown).length;
    },
    close: () => pool.end(),
  };
}

async function eventsPerSecond(contender: PostgresContender, work: Work, seed: number): Promise<number> {
  const calls = callsOf(work, seed);
  const appendMs = await timeMs(calls, (events) => contender.append(events));
  const events = work.calls * work.eventsPerCall;
  if (work.readings === 0) return (events * 1_000) / appendMs;
  let readMs = 0;
  for (let reading = 0; reading < work.readings; reading++) {
    readMs += await timeMs(calls, (written) => readAll(contender, written));
  }
  return (events * work.readings * 1_000) / readMs;
}

async function timeMs(
  calls: readonly (readonly StoredEvent[])[],
  call: (events: readonly StoredEvent[]) => Promise<void>,
): Promise<number> {
  const startMs = performance.now();
  for (const events of calls) await call(events);
  return performance.now() - startMs;
}

async function readAll(contender: PostgresContender, events: readonly StoredEvent[]): Promise<void> {
  const count = await contender.read((events[0] as StoredEvent).originatorId);
  if (count !== events.length) throw new Error(`read ${count} events of ${events.length}`);
}

/** The events of each call. Aggregates of the source have ten events; longer ones are made of several. */
function callsOf({ calls, eventsPerCall }: Work, seed: number): readonly (readonly StoredEvent[])[] {
  const source = new EventSource(new Random(seed));
  return Array.from({ length: calls }, () => {
    const events = source.take(eventsPerCall);
    if (eventsPerCall === 1) return events;
    const { originatorId } = events[0] as StoredEvent;
    return events.map((event, index) => ({ ...event, originatorId, originatorVersion: index + 1 }));
  });
}
