/** `postgres` beside `pg`: what breaks is broken off, what is sent is the same, and connections are lent in order. */
import postgres from 'postgres';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { PostgresProcessRecorder, postgresJsPool } from '../../../src/persistence/postgres/index.js';
import type {
  ConnectionPoolOptions,
  PostgresClient,
  PostgresJsPool,
  PostgresQueryable,
} from '../../../src/persistence/postgres/index.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';

function open(options: ConnectionPoolOptions = {}): PostgresJsPool {
  const pool = postgresJsPool((settings) => postgres(inject('pgUrl'), settings), options);
  onTestFinished(() => pool.end());
  return pool;
}

async function openRecorder(pool: PostgresJsPool): Promise<PostgresProcessRecorder> {
  const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
  await recorder.createTable();
  return recorder;
}

async function pidOf(client: PostgresQueryable): Promise<number> {
  return (await client.query('SELECT pg_backend_pid() AS pid')).rows[0]?.['pid'] as number;
}

async function endSession(pid: number): Promise<void> {
  await using fixture = await openPostgres();
  await fixture.pool.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
}

/** Ends a session, and waits until the one who has it has heard of it. */
async function endAndHear(client: PostgresClient): Promise<void> {
  const ended = new Promise((resolve) => client.on?.('end', resolve));
  await endSession(await pidOf(client));
  await ended;
}

describe('a connection that breaks', () => {
  test('while it is lent runs nothing any more, not on that of somebody else either', async () => {
    const pool = open({ connectionsMax: 2 });
    const [one, other] = [await pool.connect(), await pool.connect()];
    await one.query('BEGIN');
    await endAndHear(one);
    await other.query('BEGIN');
    await expect(one.query('SELECT 1')).rejects.toThrow(/not queryable/);
    one.release(new Error('gone'));
    expect((await other.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await other.query('COMMIT');
    other.release();
    const [next] = [await pool.connect()];
    expect((await next.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    next.release();
  });

  test('in the middle of a transaction leaves nothing of it, and the recorder goes on', async () => {
    const pool = open({ connectionsMax: 2 });
    const recorder = await openRecorder(pool);
    const [id, later] = [newOriginatorId(), newOriginatorId()];
    const transaction = recorder.transaction(async (lent) => {
      await lent.insertEvents([sampleEvent(id, 1)]);
      await endSession(await pidOf(lent.connection));
      await lent.connection.query('SELECT 1');
    });
    await expect(transaction).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      message: expect.stringContaining('Nothing was stored'),
    });
    expect(await recorder.selectEvents(id)).toEqual([]);
    await recorder.insertEvents([sampleEvent(later, 1)]);
    expect(await recorder.selectEvents(later)).toEqual([sampleEvent(later, 1)]);
  });

  test('while it is free is replaced', async () => {
    const pool = open({ connectionsMax: 1 });
    const first = await pool.connect();
    const pid = await pidOf(first);
    first.release();
    await endSession(pid);
    const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
    await recorder.createTable();
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  test('is replaced for who waits', async () => {
    const pool = open({ connectionsMax: 1 });
    const client = await pool.connect();
    const pid = await pidOf(client);
    const waiting = pool.connect();
    client.release(new Error('in doubt'));
    const next = await waiting;
    expect(await pidOf(next)).not.toBe(pid);
    next.release();
  });
});

test('values are sent as pg sends them, and come back', async () => {
  const pool = open();
  const values = [
    ...[7, '7', 7n, null, undefined, true, 'yes', new Uint8Array([0, 92, 255]), [1, 2], ['a,"b"', null]],
    ...[{ deep: [1] }, '{"deep":[1]}', '2026-11-30 10:00:00.123456+00', new Date(1), '{x,y}'],
  ];
  const types =
    'int bigint bigint text text boolean boolean bytea int[] text[] jsonb jsonb timestamptz timestamptz text[]';
  const columns = types.split(' ').map((type, index) => `($${index + 1}::${type})::text AS c${index}`);
  const sql = `SELECT ${columns.join(', ')}`;
  const { rows } = await pool.query(sql, values);
  await using fixture = await openPostgres();
  expect(rows).toEqual((await fixture.pool.query(sql, values)).rows);
  const { rows: read } = await pool.query(`SELECT '\\x005cff'::bytea AS bytes, '{"a":1}'::jsonb AS json, true AS yes`);
  expect(read).toEqual([{ bytes: expect.anything(), json: { a: 1 }, yes: true }]);
  expect(new Uint8Array(read[0]?.['bytes'] as Uint8Array)).toEqual(new Uint8Array([0, 92, 255]));
});

test('a commit wakes who follows, over the connection that listens', async () => {
  const recorder = await openRecorder(open({ connectionsMax: 3 }));
  const seen: number[] = [];
  // Longer than the test may take: only a notification can wake it.
  const subscription = recorder.subscribe({ gt: 0, pollIntervalMs: 600_000 });
  const following = (async () => {
    for await (const { id } of subscription) {
      seen.push(id);
      if (seen.length === 2) break;
    }
  })();
  await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
  await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
  await following;
  expect(seen).toEqual([1, 2]);
});

describe('the pool', () => {
  test('lends in the order of the requests, and no more than it may', async () => {
    const pool = open({ connectionsMax: 2 });
    const held = [await pool.connect(), await pool.connect()];
    const order: number[] = [];
    const requests = Array.from({ length: 20 }, async (_, index) => {
      const client = await pool.connect();
      order.push(index);
      const { rows } = await client.query(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE pid = $1`, [
        await pidOf(client),
      ]);
      client.release();
      return rows[0]?.['n'];
    });
    for (const client of held) client.release();
    expect(await Promise.all(requests)).toEqual(Array.from({ length: 20 }, () => 1));
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('refuses who waited too long, and what is given back twice', async () => {
    const pool = open({ connectionsMax: 1, poolTimeoutMs: 20 });
    const client = await pool.connect();
    await expect(pool.connect()).rejects.toMatchObject({ code: 'CONNECTION_UNAVAILABLE' });
    client.release();
    expect(() => client.release()).toThrow(expect.objectContaining({ code: 'CONNECTION_NOT_FROM_POOL' }));
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: 'CONNECTION_NOT_FROM_POOL' });
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('ends when the last connection is given back, and refuses who waits and who comes', async () => {
    const pool = open({ connectionsMax: 1 });
    const client = await pool.connect();
    const waiting = pool.connect();
    let hasEnded = false;
    const ended = pool.end().then(() => (hasEnded = true));
    await expect(waiting).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(hasEnded).toBe(false);
    client.release();
    await ended;
    await expect(pool.connect()).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
    await pool.end();
  });

  test('says that a server is not there, and asks again the next time', async () => {
    let port = 1;
    const { hostname, username, password, pathname, port: actual } = new URL(inject('pgUrl'));
    const pool = postgresJsPool((settings) =>
      postgres({
        host: hostname,
        port,
        user: decodeURIComponent(username),
        pass: decodeURIComponent(password),
        database: pathname.slice(1),
        ...settings,
      }),
    );
    onTestFinished(() => pool.end());
    await expect(pool.connect()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    port = Number(actual);
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test.each([{ connectionsMax: 0 }, { connectionsMax: 1.5 }, { poolTimeoutMs: -1 }])('refuses %j', (options) => {
    expect(() => postgresJsPool(() => postgres(), options)).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
    );
  });
});
