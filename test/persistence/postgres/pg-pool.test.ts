import pg from 'pg';
import { describe, expect, inject, it, vi } from 'vitest';
import { OperationalError, ProgrammingError } from '../../../src/persistence/errors.js';
import {
  ConnectionNotFromPoolError,
  ConnectionPoolClosedError,
  ConnectionUnavailableError,
  createPgPool,
  POOL_PRESETS,
  PostgresProcessRecorder,
} from '../../../src/persistence/postgres/index.js';
import type { PgPool, PgPoolOptions, PostgresClient } from '../../../src/persistence/postgres/index.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';
import { PATIENTLY } from '../../support/patience.js';
import { uncaughtErrors } from '../../support/uncaught-errors.js';

const open = async (options: PgPoolOptions = {}): Promise<PgPool> =>
  await createPgPool({ connectionString: inject('pgUrl'), ...options });

async function pidOf(client: PostgresClient): Promise<number> {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  return rows[0]?.['pid'] as number;
}

async function endSession(pid: number): Promise<void> {
  await using admin = await open();
  await admin.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
}

describe('sizes', () => {
  it('keeps the pool size open and closes what is above it, twice over', async () => {
    await using pool = await open({ poolSize: 2, maxOverflow: 2, poolTimeoutMs: 0, overflowIdleMs: 0 });
    expect(pool.stats()).toEqual({ size: 2, inUse: 0, idle: 0, waiting: 0, overflow: 0 });
    for (let round = 1; round <= 2; round++) {
      const lent: PostgresClient[] = [];
      for (let count = 1; count <= 4; count++) {
        lent.push(await pool.connect());
        expect(pool.stats()).toMatchObject({ inUse: count, overflow: Math.max(0, count - 2) });
      }
      await expect(pool.connect()).rejects.toBeInstanceOf(ConnectionUnavailableError);
      for (const client of lent) client.release();
      await vi.waitFor(
        () => expect(pool.stats()).toEqual({ size: 2, inUse: 0, idle: 2, waiting: 0, overflow: 0 }),
        PATIENTLY,
      );
    }
  });

  it('makes connections only when they are needed', async () => {
    await using pool = await open();
    for (let count = 0; count < 5; count++) await pool.query('SELECT 1');
    expect(pool.stats()).toMatchObject({ inUse: 0, idle: 1 });
  });

  it('of none make a connection for each use', async () => {
    await using pool = await open({ poolSize: 0, maxOverflow: 1 });
    const pids = [];
    for (let count = 0; count < 3; count++) {
      const client = await pool.connect();
      pids.push(await pidOf(client));
      client.release();
    }
    expect(new Set(pids).size).toBe(3);
  });

  it('have presets', () => {
    expect(POOL_PRESETS).toEqual({
      development: { poolSize: 5, maxOverflow: 10 },
      production: { poolSize: 20, maxOverflow: 40 },
      light: { poolSize: 2, maxOverflow: 3 },
      medium: { poolSize: 5, maxOverflow: 10 },
      heavy: { poolSize: 10, maxOverflow: 20 },
    });
  });

  it.each([
    { poolSize: -1 },
    { maxOverflow: 0.5 },
    { poolSize: 0, maxOverflow: 0 },
    { poolTimeoutMs: -1 },
    { connectTimeoutMs: Number.NaN },
    { maxAgeMs: -1 },
  ])('that cannot be are refused: %j', async (options) => {
    await expect(open(options)).rejects.toBeInstanceOf(ProgrammingError);
  });
});

it('a listener of broken connections that throws is reported, and the pool goes on', async () => {
  const errors = uncaughtErrors();
  const onConnectionError = vi.fn(() => {
    throw new RangeError('a listener');
  });
  await using pool = await open({ poolSize: 2, maxOverflow: 0, onConnectionError });
  const lent = await pool.connect();
  const { rows } = await lent.query('SELECT pg_backend_pid() AS pid');
  await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.['pid']]);
  await vi.waitUntil(() => onConnectionError.mock.calls.length > 0, PATIENTLY);
  expect(new Set(errors.map(String))).toEqual(new Set(['RangeError: a listener']));
  lent.release(new Error('It is broken.'));
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  vi.restoreAllMocks();
});

describe('waiting', () => {
  const one = { poolSize: 1, maxOverflow: 0 };

  it('ends with an error when nothing comes back in time, and with a connection when one does', async () => {
    // What it throws is its own, and not that of whoever waits for a connection.
    const errors = uncaughtErrors();
    const onExhausted = vi.fn(() => {
      throw new RangeError('a listener');
    });
    // Long enough to connect in: that is within it, too.
    await using pool = await open({ ...one, poolTimeoutMs: 1_000, onExhausted });
    const client = await pool.connect();
    const startMs = Date.now();
    await expect(pool.connect()).rejects.toMatchObject({
      code: 'CONNECTION_UNAVAILABLE',
      details: { connectionsMax: 1, poolTimeoutMs: 1_000 },
    });
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(950);
    expect(onExhausted).toHaveBeenCalledWith({ size: 1, inUse: 1, idle: 0, waiting: 0, overflow: 0 });
    expect(errors.map(String)).toEqual(['RangeError: a listener']);
    const waiting = pool.connect();
    expect(pool.stats().waiting).toBe(1);
    client.release();
    (await waiting).release();
    vi.restoreAllMocks();
  });

  it('is given up by a signal, and what comes then goes to the next', async () => {
    await using pool = await open(one);
    const client = await pool.connect();
    const given = new AbortController();
    const gaveUp = expect(pool.connect({ signal: given.signal })).rejects.toThrow('Enough.');
    const next = pool.connect({ signal: new AbortController().signal });
    given.abort(new Error('Enough.'));
    await gaveUp;
    client.release();
    (await next).release();
    expect(pool.stats()).toMatchObject({ size: 1, inUse: 0, idle: 1, waiting: 0 });
    await expect(pool.connect({ signal: given.signal })).rejects.toThrow('Enough.');
    await expect(pool.connect({ signal: 'now' as never })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    expect(pool.stats()).toMatchObject({ inUse: 0 });
  });

  it('of a recorder ends with the same error, also on a pool of pg itself', async () => {
    const pool = new pg.Pool({ connectionString: inject('pgUrl'), max: 1 });
    const client = await pool.connect();
    // Only now: to connect may take longer.
    pool.options.connectionTimeoutMillis = 50;
    const recorder = new PostgresProcessRecorder({ pool });
    await expect(recorder.maxNotificationId()).rejects.toBeInstanceOf(ConnectionUnavailableError);
    await expect(recorder.insertEvents(makeEvents(1))).rejects.toBeInstanceOf(ConnectionUnavailableError);
    client.release();
    await pool.end();
  });

  it('is in the order of the requests', async () => {
    await using pool = await open(one);
    const served: number[] = [];
    const first = await pool.connect();
    const requests = Array.from({ length: 100 }, async (_, index) => {
      const client = await pool.connect();
      served.push(index);
      client.release();
    });
    first.release();
    await Promise.all(requests);
    expect(served).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });
});

describe('connections', () => {
  it('that were closed while out are dropped, and made anew', async () => {
    await using pool = await open();
    const client = await pool.connect();
    const pid = await pidOf(client);
    await endSession(pid);
    await expect(client.query('SELECT 1')).rejects.toThrow();
    client.release();
    const next = await pool.connect();
    expect(await pidOf(next)).not.toBe(pid);
    next.release();
  });

  it('are tried before they are lent, if asked for', async () => {
    // The end of an idle connection is usually told, and then it is replaced: here, nothing is told.
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: inject('pgUrl') });
      await client.connect();
      client.on('error', () => undefined);
      return Object.assign(client, { on: () => client });
    };
    for (const prePing of [false, true]) {
      await using pool = await createPgPool({ connect, prePing, poolSize: 1, maxOverflow: 1 });
      const client = await pool.connect();
      const pid = await pidOf(client);
      client.release();
      await endSession(pid);
      const outcome = pool.query('SELECT 1 AS one').then(({ rows }) => rows);
      if (prePing) expect(await outcome).toEqual([{ one: 1 }]);
      else await expect(outcome).rejects.toThrow();
    }
  });

  it('are replaced at their age, and only when they are not in use', async () => {
    await using pool = await open({ maxAgeMs: 100 });
    const client = await pool.connect();
    const pid = await pidOf(client);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await pidOf(client)).toBe(pid);
    client.release();
    await vi.waitFor(() => expect(pool.stats().idle).toBe(0), PATIENTLY);
    const next = await pool.connect();
    expect(await pidOf(next)).not.toBe(pid);
    next.release();
    await vi.waitFor(() => expect(pool.stats().idle).toBe(0), PATIENTLY);
  });

  it('of age 0 are used once', async () => {
    await using pool = await open({ maxAgeMs: 0 });
    const client = await pool.connect();
    client.release();
    await vi.waitFor(() => expect(pool.stats()).toMatchObject({ idle: 0, inUse: 0 }), PATIENTLY);
  });

  it('that are given back twice, or after the end, are named', async () => {
    const pool = await open();
    const client = await pool.connect();
    client.release();
    expect(() => client.release()).toThrow(ConnectionNotFromPoolError);
    await pool.end();
    await pool.end();
    await expect(pool.connect()).rejects.toBeInstanceOf(ConnectionPoolClosedError);
    await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
  });

  it('survive a statement that was refused', async () => {
    await using pool = await open();
    const { rows } = await pool.query('SELECT pg_backend_pid() AS pid');
    await expect(pool.query('SELECT 1/0')).rejects.toThrow(/zero/);
    expect((await pool.query('SELECT pg_backend_pid() AS pid')).rows).toEqual(rows);
  });

  it('keep plans under names that no other pool has', async () => {
    // Behind a proxy that lends connections by transaction, the other's statement would be run.
    const names = new Set<unknown>();
    for (let count = 0; count < 3; count++) {
      await using pool = await open();
      const client = await pool.connect();
      await client.queryPrepared?.(`SELECT ${count} AS count`, []);
      for (const { name } of (await client.query('SELECT name FROM pg_prepared_statements')).rows) names.add(name);
      client.release();
    }
    expect(names.size).toBe(3);
  });

  it('have the time limits that were asked for', async () => {
    await using pool = await open({ idleInTransactionTimeoutMs: 7_000, statementTimeoutMs: 50 });
    const { rows } = await pool.query("SELECT current_setting('idle_in_transaction_session_timeout') AS idle");
    expect(rows).toEqual([{ idle: '7s' }]);
    await expect(pool.query('SELECT pg_sleep(1)')).rejects.toMatchObject({ code: '57014' });
    await using other = await open({ queryTimeoutMs: 50 });
    await expect(other.query('SELECT pg_sleep(0.3)')).rejects.toThrow(/timeout/);
  });
});

describe('addresses', () => {
  it('may be given in parts, with a password that is asked for', async () => {
    const url = new URL(inject('pgUrl'));
    const password = vi.fn(() => Promise.resolve(decodeURIComponent(url.password)));
    await using pool = await createPgPool({
      host: url.hostname,
      port: Number(url.port),
      user: decodeURIComponent(url.username),
      database: url.pathname.slice(1),
      password,
    });
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(password).toHaveBeenCalledTimes(1);
  });

  it('with TLS are not silently reached without', async () => {
    const url = new URL(inject('pgUrl'));
    url.searchParams.set('sslmode', 'verify-full');
    for (const options of [{ ssl: true }, { ssl: { rejectUnauthorized: false } }, { connectionString: url.href }]) {
      await using pool = await open(options);
      const recorder = new PostgresProcessRecorder({ pool });
      const error: unknown = await recorder.maxNotificationId().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(OperationalError);
      expect((error as Error).message).toMatch(/does not support SSL/);
    }
  });

  it('where nobody listens, or nobody answers, give OperationalErrors', async () => {
    await using nobody = await createPgPool({ connectionString: 'postgres://x:y@127.0.0.1:1/z' });
    await expect(nobody.connect()).rejects.toBeInstanceOf(OperationalError);
    const url = new URL(inject('pgUrl'));
    url.password = 'wrong';
    await using stranger = await createPgPool({ connectionString: url.href });
    await expect(stranger.connect()).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { sqlState: '28P01' },
    });
  });
});

describe('connections that somebody else makes', () => {
  const url = inject('pgUrl');
  const creator = (): { connect: () => Promise<pg.Client>; made: pg.Client[] } => {
    const made: pg.Client[] = [];
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({ connectionString: url });
      made.push(client);
      await client.connect();
      return client;
    };
    return { connect, made };
  };

  it('are kept in the pool, and closed with it', async () => {
    const { connect, made } = creator();
    const pool = await createPgPool({ connect, poolSize: 2, maxOverflow: 1 });
    const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
    await recorder.createTable();
    await Promise.all(Array.from({ length: 20 }, () => recorder.insertEvents(makeEvents(1))));
    expect(await recorder.maxNotificationId()).toBe(20);
    expect(made.length).toBeGreaterThanOrEqual(1);
    expect(made.length).toBeLessThanOrEqual(6);
    const ended = made.map((client) => new Promise<void>((resolve) => client.once('end', resolve)));
    await pool.end();
    await Promise.race([Promise.all(ended), new Promise((resolve) => setTimeout(resolve, 1_000))]);
    for (const client of made) await expect(client.query('SELECT 1')).rejects.toThrow();
  });

  it('are replaced when they break', async () => {
    const { connect } = creator();
    await using pool = await createPgPool({ connect, poolSize: 1, maxOverflow: 1 });
    const { rows } = await pool.query('SELECT pg_backend_pid() AS pid');
    await endSession(rows[0]?.['pid'] as number);
    const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
    await recorder.createTable();
    expect(await recorder.insertEvents(makeEvents(1))).toEqual([1]);
  });

  it('that cannot be made are OperationalErrors', async () => {
    await using pool = await createPgPool({ connect: () => Promise.reject(new Error('no token')) });
    await expect(pool.connect()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    await expect(new PostgresProcessRecorder({ pool }).maxNotificationId()).rejects.toThrow(/no token/);
  });
});
