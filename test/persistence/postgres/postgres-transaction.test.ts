import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { InterfaceError, ProgrammingError } from '../../../src/persistence/errors.js';
import {
  clientPerUse,
  createPgPool,
  PostgresProcessRecorder,
  singleClient,
} from '../../../src/persistence/postgres/index.js';
import type { PostgresClient, PostgresPool, PostgresQueryable } from '../../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';
import { PATIENTLY } from '../../support/patience.js';

const nothing = (): Promise<void> => Promise.resolve();

async function connected(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: inject('pgUrl') });
  await client.connect();
  return client;
}

let postgres: PostgresFixture;
let table: string;

beforeAll(async () => {
  postgres = await openPostgres();
  table = `${postgres.name}_orders`;
  await postgres.pool.query(`CREATE TABLE ${table} (id int PRIMARY KEY, note text)`);
});
afterAll(() => postgres.close());

const countOrders = async (): Promise<number> =>
  Number((await postgres.pool.query(`SELECT count(*) AS count FROM ${table}`)).rows[0]?.['count']);

describe('a transaction that only reads', () => {
  it('sees one moment, while commits go on and do not wait for it', async () => {
    const { recorder } = postgres;
    const [events, more] = [makeEvents(2), makeEvents(3)];
    await recorder.insertEvents(events);
    await recorder.transaction(
      async (reading) => {
        const before = await reading.maxNotificationId();
        await recorder.insertEvents(more);
        expect(await recorder.maxNotificationId()).toBeGreaterThan(before);
        expect(await reading.maxNotificationId()).toBe(before);
        expect(await reading.selectEvents(more[0]!.originatorId)).toEqual([]);
        expect(await reading.selectEvents(events[0]!.originatorId)).toEqual(events);
      },
      { writer: false },
    );
    expect(await recorder.selectEvents(more[0]!.originatorId)).toEqual(more);
  });

  it('refuses what writes, and stores nothing', async () => {
    const { recorder } = postgres;
    const events = makeEvents(1);
    const before = await countOrders();
    const inserted = recorder.transaction((reading) => reading.insertEvents(events), { writer: false });
    await expect(inserted).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { sqlState: '25006' } });
    const own = recorder.transaction(({ connection }) => connection.query(`INSERT INTO ${table} VALUES (77, 'x')`), {
      writer: false,
    });
    await expect(own).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { sqlState: '25006' } });
    expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual([]);
    expect(await countOrders()).toBe(before);
    const wrong = recorder.transaction(nothing, { writer: 1 as never });
    await expect(wrong).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { option: 'writer' } });
  });
});

describe('statements of the caller', () => {
  it('that fail spoil the transaction, and hiding that is found out at the commit', async () => {
    const { recorder } = postgres;
    const events = makeEvents(1);
    const before = await countOrders();
    const attempt = recorder.transaction(async (transaction) => {
      await transaction.insertEvents(events);
      await transaction.connection.query(`INSERT INTO ${table} VALUES (1, 'x'), (1, 'y')`).catch(() => undefined);
    });
    await expect(attempt).rejects.toBeInstanceOf(ProgrammingError);
    await expect(attempt).rejects.toMatchObject({ details: { sqlState: '25P02' } });
    expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual([]);
    expect(await countOrders()).toBe(before);
  });

  it('that fail spoil an inner transaction only', async () => {
    const { recorder } = postgres;
    const events = makeEvents(1);
    await recorder.transaction(async (outer) => {
      await outer.insertEvents(events);
      const inner = outer.transaction(async (transaction) => {
        await transaction.connection.query('SELECT 1/0').catch(() => undefined);
      });
      await expect(inner).rejects.toBeInstanceOf(ProgrammingError);
    });
    expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual(events);
  });

  it('may be many at once, among inserts', async () => {
    const { recorder } = postgres;
    const [events, more] = [makeEvents(3), makeEvents(2)];
    const [taken] = events;
    await recorder.transaction(async ({ connection }) => {
      await Promise.all([
        connection.query(`INSERT INTO ${table} VALUES (11, $1)`, ['a']),
        connection.query(`INSERT INTO ${table} VALUES (12, $1)`, ['b']),
      ]);
    });
    await recorder.transaction(async (transaction) => {
      const outcomes = await Promise.allSettled([
        transaction.insertEvents(events),
        transaction.connection.query(`INSERT INTO ${table} VALUES (13, $1)`, ['c']),
        transaction.insertEvents([taken!]),
        transaction.connection.query(`INSERT INTO ${table} VALUES (14, $1)`, ['d']),
        transaction.insertEvents(more),
        transaction.maxNotificationId(),
      ]);
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true, true, true]);
    });
    expect(await recorder.selectEvents(more[0]!.originatorId)).toEqual(more);
    expect(await countOrders()).toBeGreaterThanOrEqual(4);
  });

  it('are refused once the transaction has ended', async () => {
    const lent: PostgresQueryable[] = [];
    await postgres.recorder.transaction(async ({ connection }) => void lent.push(connection));
    await expect(lent[0]!.query('SELECT 1')).rejects.toBeInstanceOf(InterfaceError);
  });

  it('that nobody waits for are part of it as well', async () => {
    const { recorder } = postgres;
    const events = makeEvents(1);
    await recorder.transaction(async (transaction) => {
      void transaction.insertEvents(events);
      void transaction.connection.query(`INSERT INTO ${table} VALUES (21, 'late')`);
    });
    expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual(events);
    const { rows } = await postgres.pool.query(`SELECT note FROM ${table} WHERE id = 21`);
    expect(rows).toEqual([{ note: 'late' }]);
  });
});

describe('the table', () => {
  it('is locked by the first events, until the end', async () => {
    const { recorder, make, name } = postgres;
    const impatient = await make({ applicationName: name, lockTimeoutMs: 50 });
    await recorder.transaction(async (transaction) => {
      await transaction.selectEvents(crypto.randomUUID());
      await impatient.insertEvents(makeEvents(1));
      await transaction.insertEvents(makeEvents(1));
      await expect(impatient.insertEvents(makeEvents(1))).rejects.toMatchObject({ details: { sqlState: '55P03' } });
      expect(await impatient.maxNotificationId()).toBeGreaterThan(0);
    });
    await impatient.insertEvents(makeEvents(1));
  });

  it('is announced after the commit of the whole, and not after a roll back', async () => {
    await using own = await openPostgres();
    const { recorder, pool, name } = own;
    const heard = vi.fn();
    const listener = await pool.connect();
    listener.on?.('notification', heard);
    await listener.query(`LISTEN ${name}_events`);
    await recorder.transaction(async (outer) => {
      await outer.transaction(async (inner) => {
        await inner.insertEvents(makeEvents(1));
      });
      await listener.query('SELECT pg_sleep(0.05)');
      expect(heard).not.toHaveBeenCalled();
    });
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(1), PATIENTLY);
    await recorder
      .transaction(async (transaction) => {
        await transaction.insertEvents(makeEvents(1));
        throw new Error('no');
      })
      .catch(() => undefined);
    await listener.query('SELECT pg_sleep(0.05)');
    expect(heard).toHaveBeenCalledTimes(1);
    listener.release(new Error('done'));
  });
});

describe('connections', () => {
  it('are one for each transaction, and are given back', async () => {
    const pool = await createPgPool({ connectionString: postgres.url, poolSize: 3, maxOverflow: 0 });
    const recorder = new PostgresProcessRecorder({ pool, applicationName: postgres.name });
    const pids = await Promise.all(
      Array.from({ length: 3 }, () =>
        recorder.transaction(async ({ connection }) => {
          const { rows } = await connection.query('SELECT pg_backend_pid() AS pid, pg_sleep(0.05)');
          return rows[0]?.['pid'];
        }),
      ),
    );
    expect(new Set(pids).size).toBe(3);
    expect(pool.stats()).toMatchObject({ inUse: 0, idle: 3 });
    await pool.end();
  });

  describe.each<[string, () => Promise<PostgresPool & AsyncDisposable>]>([
    ['a pool', () => createPgPool({ connectionString: postgres.url })],
    ['connections that somebody else makes', () => createPgPool({ connect: connected, poolSize: 1 })],
    [
      'one client',
      async () => {
        const client = await connected();
        return Object.assign(singleClient(client), { [Symbol.asyncDispose]: () => client.end() });
      },
    ],
    ['a client for each use', async () => Object.assign(clientPerUse(connected), { [Symbol.asyncDispose]: nothing })],
  ])('of %s that are idle for too long in a transaction are ended', (_name, open) => {
    it.each(['the commit', 'the next statement', 'the next insert'])('which %s says', async (what) => {
      await using pool = await open();
      const recorder = new PostgresProcessRecorder({
        ...{ pool, applicationName: postgres.name, idleInTransactionTimeoutMs: 500 },
      });
      const events = makeEvents(1);
      const told: unknown[] = [];
      const attempt = recorder.transaction(async (transaction) => {
        await transaction.insertEvents(events);
        const { rows } = await transaction.connection.query('SELECT pg_backend_pid() AS pid');
        await vi.waitFor(async () => {
          const { rows: living } = await postgres.pool.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1', [
            rows[0]?.['pid'],
          ]);
          expect(living).toEqual([]);
        }, PATIENTLY);
        if (what === 'the next statement')
          await transaction.connection.query('SELECT 1').catch((error: unknown) => told.push(error));
        if (what === 'the next insert')
          await transaction.insertEvents(makeEvents(1)).catch((error: unknown) => told.push(error));
      });
      const ended = {
        code: 'OPERATIONAL_ERROR',
        message: expect.stringMatching(/nothing happened .* idleInTransactionTimeoutMs\. Nothing was stored/) as string,
        details: { sqlState: '25P03' },
      };
      await expect(attempt).rejects.toMatchObject(ended);
      await expect(attempt).rejects.not.toMatchObject({ details: { outcome: 'unknown' } });
      expect(told).toMatchObject(what === 'the commit' ? [] : [ended]);
      expect(await postgres.recorder.selectEvents(events[0]!.originatorId)).toEqual([]);
    });
  });

  it('that break during the commit leave the outcome unknown', async () => {
    const released: (Error | undefined)[] = [];
    const recorder = new PostgresProcessRecorder({
      applicationName: postgres.name,
      pool: {
        query: (text, values) => postgres.pool.query(text, values),
        connect: async (): Promise<PostgresClient> => {
          const client = await postgres.pool.connect();
          return {
            query: async (text, values) => {
              if (text.endsWith('COMMIT')) {
                (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
              }
              return await client.query(text, values);
            },
            release: (error) => {
              released.push(error);
              client.release(error);
            },
          };
        },
      },
    });
    const attempt = recorder.transaction((transaction) => transaction.insertEvents(makeEvents(1)));
    await expect(attempt).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { outcome: 'unknown' } });
    expect(released).toEqual([expect.any(Error)]);
  });

  it('that had gone before are replaced', async () => {
    const own = await openPostgres({ poolSize: 1, maxOverflow: 1 });
    const { rows } = await own.pool.query('SELECT pg_backend_pid() AS pid');
    await postgres.pool.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.['pid']]);
    const ids = await own.recorder.transaction((transaction) => transaction.insertEvents(makeEvents(2)));
    expect(ids).toEqual([1, 2]);
    await own.close();
  });
});

it('records tracking in a transaction, on tables of either layout', async () => {
  for (const singleRowTracking of [false, true]) {
    const recorder = await postgres.make({ applicationName: uniqueName(), singleRowTracking });
    const track = (notificationId: number): { tracking: { applicationName: string; notificationId: number } } => ({
      tracking: { applicationName: 'up', notificationId },
    });
    await recorder.transaction(async (transaction) => {
      await transaction.insertEvents(makeEvents(1), track(1));
      await transaction.insertEvents([], track(5));
      await expect(transaction.insertEvents(makeEvents(1), track(5))).rejects.toMatchObject({
        details: { constraint: 'tracking', lastNotificationId: 5 },
      });
      expect(await transaction.maxTrackingId('up')).toBe(5);
    });
    expect(await recorder.maxTrackingId('up')).toBe(5);
    expect(await recorder.maxNotificationId()).toBe(1);
  }
});
