/** A pool and its connections, with something between it and PostgreSQL. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PgPool, PgPoolOptions } from '../../../src/persistence/postgres/index.js';
import { startNodeHost } from '../../../src/server/hosts/index.js';
import { PATIENTLY } from '../../support/patience.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { openPostgresProxy } from '../../support/postgres-proxy.js';
import type { PostgresProxy } from '../../support/postgres-proxy.js';
import { makeEvents } from '../../support/stored-events.js';
import { postUnits } from '../../support/unit-wire.js';

let proxy: PostgresProxy;

beforeEach(async () => {
  proxy = await openPostgresProxy(inject('pgUrl'));
  onTestFinished(() => proxy.close());
});

const open = async (options: PgPoolOptions = {}): Promise<PgPool> =>
  await createPgPool(options.connect === undefined ? { connectionString: proxy.url, ...options } : options);

const sayHowItEnded = async (work: Promise<unknown>): Promise<unknown> =>
  await work.then(
    () => 'done',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );

describe('connections above the base', () => {
  it('are lent again, as long as somebody needs them', async () => {
    await using pool = await open({ poolSize: 2, maxOverflow: 6 });
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 8 }, () => pool.query('SELECT pg_sleep(0.002)')));
      // The time in which they were closed before.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(proxy.accepted.count).toBeLessThanOrEqual(8);
    expect(pool.stats()).toMatchObject({ inUse: 0, overflow: proxy.accepted.count - 2 });
  });

  it('are closed when nobody needed them for some time', async () => {
    await using pool = await open({ poolSize: 2, maxOverflow: 6, overflowIdleMs: 50 });
    await Promise.all(Array.from({ length: 8 }, () => pool.query('SELECT pg_sleep(0.01)')));
    await vi.waitFor(() => expect(pool.stats()).toMatchObject({ idle: 2, overflow: 0 }), PATIENTLY);
    await vi.waitFor(() => expect(proxy.open()).toBe(2), PATIENTLY);
  });
});

describe('the end of a pool', () => {
  it('refuses at once who waits for a connection', async () => {
    const pool = await open({ poolSize: 1, maxOverflow: 0 });
    const client = await pool.connect();
    const waiting = [pool.connect(), pool.query('SELECT 1')].map(sayHowItEnded);
    const ended = pool.end();
    expect(await Promise.all(waiting)).toEqual(['CONNECTION_POOL_CLOSED', 'CONNECTION_POOL_CLOSED']);
    expect(await sayHowItEnded(pool.connect())).toBe('CONNECTION_POOL_CLOSED');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    client.release();
    await ended;
    await vi.waitFor(() => expect(proxy.open()).toBe(0), PATIENTLY);
  });

  it('refuses who waits for a connection that is being made, and closes it', async () => {
    const pool = await open();
    const made = sayHowItEnded(pool.connect());
    await pool.end();
    expect(await made).toBe('CONNECTION_POOL_CLOSED');
    await vi.waitFor(() => expect(proxy.open()).toBe(0), PATIENTLY);
  });

  it.each(['its own connections', 'connections that somebody else makes'])(
    'comes on a silent network, where nobody gives anything back: %s',
    async (whose) => {
      const { Client } = (await import('pg')).default;
      const connect = async (): Promise<InstanceType<typeof Client>> => {
        const client = new Client({ connectionString: proxy.url });
        await client.connect();
        return client;
      };
      const pool = await open({ endTimeoutMs: 100, ...(whose === 'its own connections' ? {} : { connect }) });
      const lent = await pool.connect();
      lent.on?.('error', () => undefined);
      const idle = await pool.connect();
      idle.release();
      proxy.fallSilent();
      const statement = sayHowItEnded(lent.query('SELECT 1'));
      await pool.end();
      expect(await statement).toMatch(/terminated/);
    },
  );

  it('comes in time when the network falls silent while a connection is made', async () => {
    proxy.fallSilent();
    const pool = await open({ endTimeoutMs: 100, connectTimeoutMs: 60_000, poolTimeoutMs: 60_000 });
    const made = sayHowItEnded(pool.connect());
    await pool.end();
    expect(await made).toBe('CONNECTION_POOL_CLOSED');
  });
});

it('connections are tried for no longer than making one may take', async () => {
  const pool = await open({ poolSize: 1, maxOverflow: 0, prePing: true, connectTimeoutMs: 300, endTimeoutMs: 100 });
  await pool.query('SELECT 1');
  proxy.fallSilent();
  expect(await sayHowItEnded(pool.query('SELECT 1'))).toBe('OPERATIONAL_ERROR');
  await pool.end();
});

describe('a subscription', () => {
  it.each(['aborted', 'returned'])('that is %s has let its connection go, at whatever moment', async (how) => {
    for (const moment of ['at once', 'while it connects', 'while it listens']) {
      const pool = await open({ poolSize: 2, maxOverflow: 0 });
      const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
      await recorder.createTable();
      const controller = new AbortController();
      const subscription = recorder.subscribe({ signal: controller.signal });
      const next = subscription.next();
      if (moment === 'while it connects') await new Promise((resolve) => setImmediate(resolve));
      if (moment === 'while it listens') await vi.waitFor(() => expect(pool.stats().inUse).toBe(1), PATIENTLY);
      if (how === 'aborted') controller.abort();
      else void subscription.return();
      expect(await next).toEqual({ done: true, value: undefined });
      await pool.end();
      await vi.waitFor(() => expect(proxy.open()).toBe(0), PATIENTLY);
    }
  });

  it.each(['it listens', 'it begins to'])(
    'that is aborted on a silent network while %s ends, and so does the pool',
    async (when) => {
      const pool = await open({ endTimeoutMs: 60_000 });
      const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
      await recorder.createTable();
      const controller = new AbortController();
      const subscription = recorder.subscribe({ signal: controller.signal, pollIntervalMs: 3_600_000 });
      if (when === 'it begins to') await recorder.insertEvents(makeEvents(1));
      const next = subscription.next();
      if (when === 'it begins to') {
        // Its own query for LISTEN is under way: the connection is made, and no answer comes.
        proxy.faults.push({
          text: 'LISTEN',
          answer: { severity: 'ERROR', sqlState: '00000', message: '' },
          isSilent: true,
        });
        await next;
        await vi.waitFor(() => expect(proxy.faults).toEqual([]), PATIENTLY);
      } else await vi.waitFor(() => expect(pool.stats()).toMatchObject({ inUse: 1, idle: 1 }), PATIENTLY);
      if (when === 'it listens') proxy.fallSilent();
      const last = when === 'it listens' ? next : subscription.next();
      controller.abort();
      expect(await last).toEqual({ done: true, value: undefined });
      await pool.end();
      expect(pool.stats().inUse).toBe(0);
    },
  );
});

describe('the word about TLS in an address', () => {
  const withWord = (word: string): string => {
    const url = new URL(proxy.url);
    url.search = word;
    return url.href;
  };

  it.each(['ssl=require', 'ssl=prefer', 'ssl=verify-full', 'ssl=true', 'ssl=1', 'ssl=no-verify', 'SSL=on'])(
    '%s asks for it, and a server without it is refused',
    async (word) => {
      await using pool = await createPgPool({ connectionString: withWord(word) });
      await expect(pool.connect()).rejects.toMatchObject({
        code: 'OPERATIONAL_ERROR',
        message: expect.stringContaining('does not support SSL') as string,
      });
    },
  );

  it.each(['ssl=false', 'ssl=0', 'ssl=disable', 'ssl=off', 'ssl=no', 'ssl=require&sslmode=disable'])(
    '%s does not',
    async (word) => {
      await using pool = await createPgPool({ connectionString: withWord(word) });
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    },
  );

  it('ends no process, where a server has TLS', async () => {
    // Says that it has, and then nothing that is TLS.
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('S'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    await using pool = await createPgPool({ connectionString: `postgres://x:y@127.0.0.1:${port}/z?ssl=require` });
    await expect(pool.connect()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  });

  it('that is none is refused', async () => {
    await expect(createPgPool({ connectionString: withWord('ssl=maybe') })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      message: expect.stringContaining('"maybe"') as string,
    });
  });
});

describe('a pooler that takes no start-up parameters', () => {
  // What pgbouncer takes by default.
  const KNOWN = ['user', 'database', 'client_encoding', 'application_name', 'DateStyle', 'TimeZone'];

  it('is asked without the limit, which transactions of a recorder have all the same', async () => {
    proxy.refuseParametersBeside(KNOWN);
    await using pool = await open();
    const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
    await recorder.createTable();
    expect(await Promise.all(Array.from({ length: 5 }, () => recorder.insertEvents(makeEvents(1))))).toHaveLength(5);
    const limits = await recorder.transaction(
      async ({ connection }) =>
        (await connection.query("SELECT current_setting('idle_in_transaction_session_timeout') AS idle")).rows,
    );
    expect(limits).toEqual([{ idle: '5s' }]);
    // Known from the first refusal on; those that were being made at the same time were refused as well.
    const asked = proxy.startups.map((startup) => 'idle_in_transaction_session_timeout' in startup);
    expect(asked.indexOf(false)).toBeGreaterThan(0);
    expect(asked.slice(asked.indexOf(false))).not.toContain(true);
  });

  it('is not asked again for what the caller wants, and says so', async () => {
    proxy.refuseParametersBeside(KNOWN);
    await using pool = await open({ statementTimeoutMs: 1_000 });
    await expect(pool.connect()).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      message: expect.stringContaining('statement_timeout') as string,
    });
  });

  // What the address says comes before what the pool asks for: asking again would never end.
  it.each([
    ['idle_in_transaction_session_timeout', 'idle_in_transaction_session_timeout=1000'],
    ['statement_timeout', 'statement_timeout=1000'],
  ])('is not asked again for %s of the address', async (parameter, query) => {
    proxy.refuseParametersBeside(KNOWN);
    const connectionString = `${proxy.url}${proxy.url.includes('?') ? '&' : '?'}${query}`;
    await using pool = await open({ connectionString });
    await expect(pool.connect()).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { parameter } });
  });

  it('that refuses an option of the start-up message, in words of its own, is told of by its name', async () => {
    const severity = 'FATAL';
    const message = 'unsupported startup parameter in options: search_path';
    proxy.refuseStartups({ severity, sqlState: '08P01', message });
    await using pool = await open();
    await expect(pool.connect()).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
      details: { parameter: 'search_path' },
    });
  });

  it('lets a server start, without the limit of statements that it would have', async () => {
    proxy.refuseParametersBeside(KNOWN);
    await using host = await startNodeHost({
      ...{ port: 0, allowAnonymous: true, log: () => undefined },
      ...{ databaseUrl: proxy.url, applicationName: uniqueName() },
    });
    expect((await postUnits(fetch, undefined, {}, host.url)).status).toBe(200);
  });
});

it.each([
  { overflowIdleMs: 2 ** 31 },
  { endTimeoutMs: -1 },
  { maxAgeMs: 2 ** 31 },
  { poolTimeoutMs: Number.POSITIVE_INFINITY },
  { queryTimeoutMs: 2 ** 31 },
  { statementTimeoutMs: Number.NaN },
])('times that no timer takes are refused: %j', async (options) => {
  await expect(open(options)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
});
