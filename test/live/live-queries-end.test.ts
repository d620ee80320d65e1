/** Live queries over a database that is closed under them: they end with the reason, and leave nothing that goes on. */
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LiveQueries } from '../../src/live/live-queries.js';
import { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../src/persistence/postgres/index.js';
import { PATIENTLY } from '../support/patience.js';
import { openPostgres } from '../support/postgres-fixture.js';

interface Opened {
  readonly pool: PostgresPool;
  readonly end: () => Promise<void>;
}

const POOLS: Readonly<Record<string, (url: string, own: Opened) => Opened>> = {
  'a pool of Daybook': (_url, own) => own,
  'a pool of pg': (url) => {
    const pool = new pg.Pool({ connectionString: url });
    return { pool: pool, end: () => pool.end() };
  },
};

test.each(Object.entries(POOLS))('on PostgreSQL, with the end of %s', async (_name, open) => {
  const { url, name, pool: own, close } = await openPostgres();
  onTestFinished(close);
  const { pool, end } = open(url, { pool: own, end: close });
  const asked = vi.spyOn(pool, 'connect');
  const recorder = new PostgresProcessRecorder({ pool, applicationName: name });
  const live = new LiveQueries({ recorder });
  onTestFinished(() => live.close());
  const query = live.query(async (read) => (await read.query('SELECT 1 AS one')).rows);
  onTestFinished(query.subscribe(() => undefined));
  await vi.waitFor(() => expect(query.value.status).toBe('current'), PATIENTLY);
  const iterator = query[Symbol.asyncIterator]();
  await iterator.next();
  const waiting = expect(iterator.next()).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
  await end();
  await waiting;
  expect(query.value).toMatchObject({ status: 'ended', error: { code: 'CONNECTION_POOL_CLOSED' } });
  // Two looks later nobody has asked the pool for anything.
  const before = asked.mock.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  expect(asked.mock.calls).toHaveLength(before);
  // Whoever comes too late is told as well.
  const late = new LiveQueries({ recorder }).query(() => Promise.resolve(1));
  onTestFinished(late.subscribe(() => undefined));
  await vi.waitFor(() => expect(late.value.status).toBe('ended'), PATIENTLY);
});
