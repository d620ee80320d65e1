import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IntegrityError } from '../../../src/persistence/errors.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PgPool } from '../../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';

const WRITERS = 10;
const JOBS = 100;
const EVENTS_PER_JOB = 100;

let postgres: PostgresFixture;

beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

interface OwnPool {
  readonly pool: PgPool;
  readonly recorder: PostgresProcessRecorder;
}

async function openOwnPool(applicationName: string, connections = 1): Promise<OwnPool> {
  const pool = await createPgPool({ connectionString: postgres.url, poolSize: connections, maxOverflow: 1 });
  return { pool, recorder: new PostgresProcessRecorder({ pool, applicationName }) };
}

describe('ten writers with pools of their own', () => {
  it('have ids that do not interleave, which readers that tail see once each, in order', async () => {
    const applicationName = uniqueName();
    await postgres.make({ applicationName });
    const pools = await Promise.all(Array.from({ length: WRITERS + 3 }, () => openOwnPool(applicationName)));
    const [follower, tailer, small, ...writers] = pools.map(({ recorder }) => recorder);
    const state = { isWriting: true };

    const tail = async (recorder: PostgresProcessRecorder, limit: number): Promise<number[]> => {
      const seen: number[] = [];
      for (let isLast = false; ;) {
        const page = await recorder.selectNotifications({ start: (seen.at(-1) ?? 0) + 1, limit });
        seen.push(...page.map(({ id }) => id));
        if (page.length === 0 && isLast) return seen;
        isLast = !state.isWriting;
      }
    };
    const follow = async (count: number): Promise<number[]> => {
      const seen: number[] = [];
      for await (const { id } of follower!.subscribe()) if (seen.push(id) === count) break;
      return seen;
    };
    const readers = [tail(tailer!, 1_000), tail(small!, 70), follow(JOBS * EVENTS_PER_JOB)];

    const jobs = Array.from({ length: JOBS }, () => makeEvents(EVENTS_PER_JOB));
    const ranges: (readonly number[])[] = [];
    const write = async (recorder: PostgresProcessRecorder): Promise<void> => {
      for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) ranges.push(await recorder.insertEvents(job));
    };
    await Promise.all(writers.map(write));
    state.isWriting = false;

    for (const range of ranges) expect((range.at(-1) ?? 0) - (range[0] ?? 0)).toBe(EVENTS_PER_JOB - 1);
    const ids = ranges.flat().toSorted((a, b) => a - b);
    expect(new Set(ids).size).toBe(JOBS * EVENTS_PER_JOB);
    for (const seen of await Promise.all(readers)) expect(seen).toEqual(ids);
    await Promise.all(pools.map(({ pool }) => pool.end()));
  }, 60_000);

  it('take turns with a writer of the Python library', async () => {
    const applicationName = uniqueName();
    const recorder = await postgres.make({ applicationName });
    const python = await postgres.pool.connect();
    await python.query(`BEGIN; LOCK TABLE ${applicationName}_events IN EXCLUSIVE MODE`);
    await python.query(
      `INSERT INTO ${applicationName}_events VALUES ($1, 1, 'a', ''), ($1, 2, 'b', '') RETURNING notification_id`,
      [crypto.randomUUID()],
    );
    const ours = recorder.insertEvents(makeEvents(2));
    expect(await recorder.selectNotifications({ start: 1, limit: 10 })).toEqual([]);
    await python.query(`INSERT INTO ${applicationName}_events VALUES ($1, 1, 'c', '')`, [crypto.randomUUID()]);
    await python.query('COMMIT');
    python.release();
    expect(await ours).toEqual([4, 5]);
  });
});

it('two big batches do not interleave', async () => {
  const applicationName = uniqueName();
  await postgres.make({ applicationName });
  const pools = await Promise.all([openOwnPool(applicationName), openOwnPool(applicationName)]);
  const ranges = await Promise.all(pools.map(({ recorder }) => recorder.insertEvents(makeEvents(10_000))));
  const [[first], [second]] = ranges.toSorted(([a = 0], [b = 0]) => a - b) as [number[], number[]];
  expect((second ?? 0) - (first ?? 0)).toBe(10_000);
  await Promise.all(pools.map(({ pool }) => pool.end()));
}, 30_000);

it.each(['repeatable read', 'serializable'])(
  'writers take turns when the default isolation is %s',
  async (isolation) => {
    const applicationName = uniqueName();
    await postgres.make({ applicationName });
    const url = new URL(postgres.url);
    url.searchParams.set('options', `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`);
    await using pool = await createPgPool({ connectionString: url.href });
    const recorder = new PostgresProcessRecorder({ pool, applicationName });
    const { rows } = await pool.query('SHOW transaction_isolation');
    expect(rows).toEqual([{ transaction_isolation: isolation }]);
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        recorder.insertEvents(makeEvents(5), { tracking: { applicationName: 'up', notificationId: index + 1 } }),
      ),
    );
    const recorded = results.filter(({ status }) => status === 'fulfilled').length;
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(IntegrityError);
    expect(recorded).toBeGreaterThanOrEqual(1);
    expect(await recorder.selectNotifications({ start: 1, limit: 1_000 })).toHaveLength(recorded * 5);
  },
);

it('a lock timeout ends the wait for another writer, in a transaction too', async () => {
  const applicationName = uniqueName();
  await postgres.make({ applicationName });
  const impatient = await postgres.make({ applicationName, lockTimeoutMs: 200 });
  const first = await postgres.make({ applicationName });
  await first.transaction(async (transaction) => {
    await transaction.insertEvents(makeEvents(1));
    const startMs = Date.now();
    for (const attempt of [
      () => impatient.insertEvents(makeEvents(1)),
      () => impatient.transaction((other) => other.insertEvents(makeEvents(1))),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'OPERATIONAL_ERROR',
        message: expect.stringContaining('lock timeout') as string,
        details: { sqlState: '55P03' },
      });
    }
    expect(Date.now() - startMs).toBeLessThan(4_000);
  });
  expect(await first.maxNotificationId()).toBe(1);
});

it('without a lock timeout, a writer waits for as long as it takes', async () => {
  const applicationName = uniqueName();
  const recorder = await postgres.make({ applicationName });
  const other = await postgres.make({ applicationName });
  const waiting = await recorder.transaction(async (transaction) => {
    await transaction.insertEvents(makeEvents(1));
    const insert = other.insertEvents(makeEvents(1));
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { insert };
  });
  expect(await waiting.insert).toEqual([2]);
});
