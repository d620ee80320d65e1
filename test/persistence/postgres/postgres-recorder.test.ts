import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  DataError,
  IntegrityError,
  InterfaceError,
  OperationalError,
  ProgrammingError,
} from '../../../src/persistence/errors.js';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresClient, PostgresPool } from '../../../src/persistence/postgres/index.js';
import type { ProcessRecorder } from '../../../src/persistence/recorder.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';
import { PATIENTLY } from '../../support/patience.js';

let postgres: PostgresFixture;

beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

describe('conflicts', () => {
  it('name the event whose position is taken, and store nothing', async () => {
    const { recorder } = postgres;
    const events = makeEvents(3);
    await recorder.insertEvents(events);
    const [, second] = events;
    const tracking = { applicationName: 'conflicts', notificationId: 5 };
    const attempt = recorder.insertEvents([...makeEvents(2), ...events.slice(1, 2)], { tracking });
    await expect(attempt).rejects.toMatchObject({
      code: 'INTEGRITY_ERROR',
      details: { constraint: 'event', originatorId: second?.originatorId, originatorVersion: 2 },
    });
    expect(await recorder.maxTrackingId('conflicts')).toBe(0);
  });

  it('are found within one call', async () => {
    const [event] = makeEvents(1);
    if (event === undefined) throw new Error('no event');
    await expect(postgres.recorder.insertEvents([event, event])).rejects.toBeInstanceOf(IntegrityError);
    expect(await postgres.recorder.selectEvents(event.originatorId)).toEqual([]);
  });

  it.each([3, 2])('name a tracking record that does not move forward (%i after 3)', async (notificationId) => {
    const { recorder } = postgres;
    const applicationName = crypto.randomUUID();
    await recorder.insertEvents([], { tracking: { applicationName, notificationId: 3 } });
    const events = makeEvents(1);
    await expect(
      recorder.insertEvents(events, { tracking: { applicationName, notificationId } }),
    ).rejects.toMatchObject({
      details: { constraint: 'tracking', applicationName, notificationId, lastNotificationId: 3 },
    });
    expect(await recorder.selectEvents(events[0]?.originatorId ?? '')).toEqual([]);
    expect(await recorder.hasTrackingId(applicationName, 2)).toBe(true);
  });

  it('let exactly one of many racing tracking records through, never backwards', async () => {
    const { recorder } = postgres;
    const applicationName = crypto.randomUUID();
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        recorder.insertEvents(makeEvents(1), { tracking: { applicationName, notificationId: 5 + (index % 2) } }),
      ),
    );
    const recorded = results.filter((result) => result.status === 'fulfilled');
    expect(recorded.length).toBeGreaterThanOrEqual(1);
    expect(recorded.length).toBeLessThanOrEqual(2);
    expect(await recorder.maxTrackingId(applicationName)).toBe(6);
  });
});

describe('errors', () => {
  it('of tables that were not created are ProgrammingErrors', async () => {
    const recorder = new PostgresProcessRecorder({ pool: postgres.pool, applicationName: uniqueName() });
    await expect(recorder.insertEvents(makeEvents(1))).rejects.toBeInstanceOf(ProgrammingError);
    await expect(recorder.selectEvents(crypto.randomUUID())).rejects.toBeInstanceOf(ProgrammingError);
    await expect(recorder.maxNotificationId()).rejects.toBeInstanceOf(ProgrammingError);
    await expect(recorder.maxTrackingId('x')).rejects.toBeInstanceOf(ProgrammingError);
  });

  it('of ids beyond 2^53 - 1 are DataErrors', async () => {
    const { pool, name, recorder } = postgres;
    await pool.query(`INSERT INTO ${name}_tracking VALUES ('huge', 9007199254740992)`);
    await expect(recorder.maxTrackingId('huge')).rejects.toBeInstanceOf(DataError);
  });

  it('of a server that is not there are OperationalErrors, of a closed pool InterfaceErrors', async () => {
    const pool = await createPgPool({ connectionString: 'postgres://x:y@127.0.0.1:1/z' });
    const recorder = new PostgresProcessRecorder({ pool });
    await expect(recorder.insertEvents(makeEvents(1))).rejects.toBeInstanceOf(OperationalError);
    await expect(recorder.maxNotificationId()).rejects.toBeInstanceOf(OperationalError);
    await pool.end();
    await expect(recorder.maxNotificationId()).rejects.toBeInstanceOf(InterfaceError);
  });

  it('of a lock that another writer keeps come in time', async () => {
    const { pool, name } = postgres;
    const patient = await pool.connect();
    try {
      await patient.query(`BEGIN; LOCK TABLE ${name}_events IN EXCLUSIVE MODE`);
      const recorder = new PostgresProcessRecorder({ pool, applicationName: name, lockTimeoutMs: 100 });
      const attempt = recorder.insertEvents(makeEvents(1));
      await expect(attempt).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { sqlState: '55P03' } });
      expect(await recorder.maxNotificationId()).toBeGreaterThanOrEqual(0);
    } finally {
      await patient.query('ROLLBACK');
      patient.release();
    }
  });
});

describe('connections that break', () => {
  it('while idle are replaced: every method works at once', async () => {
    const own = await openPostgres();
    try {
      const methods: ((recorder: ProcessRecorder) => Promise<unknown>)[] = [
        (recorder) => recorder.insertEvents(makeEvents(2)),
        (recorder) => recorder.selectNotifications({ start: 1, limit: 10 }),
        (recorder) => recorder.maxNotificationId(),
        (recorder) => recorder.maxTrackingId('x'),
      ];
      for (const method of methods) {
        await Promise.all(Array.from({ length: 10 }, () => own.recorder.maxNotificationId()));
        await terminateSessions(own);
        await method(own.recorder);
      }
    } finally {
      await own.close();
    }
  });

  it('before a batch was carried out are replaced, and are not given to anybody again', async () => {
    const events = makeEvents(2);
    const ended: PostgresClient[] = [];
    const { pool, released } = spiedPool(postgres.pool, async (text, client) => {
      if (!text.includes('INSERT') || ended.length > 0) return;
      ended.push(client);
      const isOver = new Promise<void>((resolve) => void client.on?.('end', () => resolve()));
      await endSession(client);
      await isOver;
    });
    const recorder = new PostgresProcessRecorder({ pool, applicationName: postgres.name });
    expect(await recorder.insertEvents(events)).toHaveLength(2);
    await expect.poll(() => released.slice(0, 2)).toEqual([expect.any(Error), undefined]);
    expect(await postgres.recorder.selectEvents(events[0]?.originatorId ?? '')).toEqual(events);
  });

  it('while a batch waits for the table are replaced: it is recorded once', async () => {
    const own = await openPostgres();
    const lock = await own.pool.connect();
    try {
      await lock.query(`BEGIN; LOCK TABLE ${own.name}_events IN EXCLUSIVE MODE`);
      const events = makeEvents(3);
      const attempt = own.recorder.insertEvents(events);
      await vi.waitFor(async () => expect(await terminateWaiting(own)).toBe(1), PATIENTLY);
      await vi.waitFor(async () => expect(await countWaiting(own)).toBe(1), PATIENTLY);
      await lock.query('ROLLBACK');
      const ids = await attempt;
      expect(await own.recorder.selectNotifications({ start: 1, limit: 10 })).toEqual(
        events.map((event, index) => ({ id: ids[index], ...event })),
      );
    } finally {
      lock.release();
      await own.close();
    }
  });

  it('without a word give an OperationalError that says that the outcome is unknown', async () => {
    const { pool, released } = spiedPool(postgres.pool, async (text, client) => {
      if (text.includes('INSERT')) setTimeout(() => cutConnection(client), 20);
    });
    const lock = await postgres.pool.connect();
    try {
      await lock.query(`BEGIN; LOCK TABLE ${postgres.name}_events IN EXCLUSIVE MODE`);
      const recorder = new PostgresProcessRecorder({ pool, applicationName: postgres.name });
      await expect(recorder.insertEvents(makeEvents(2))).rejects.toMatchObject({
        code: 'OPERATIONAL_ERROR',
        details: { outcome: 'unknown' },
      });
      expect(released).toEqual([expect.any(Error)]);
    } finally {
      await lock.query('ROLLBACK');
      lock.release();
    }
  });

  it('without a word while reading are replaced', async () => {
    const cut: PostgresClient[] = [];
    const { pool } = spiedPool(postgres.pool, async (_text, client) => {
      if (cut.length > 0) return;
      cut.push(client);
      cutConnection(client);
    });
    const recorder = new PostgresProcessRecorder({ pool, applicationName: postgres.name });
    expect(await recorder.maxNotificationId()).toBeGreaterThanOrEqual(0);
  });

  it('are given back when only the statement failed', async () => {
    const { pool, released } = spiedPool(postgres.pool, () => Promise.resolve());
    const recorder = new PostgresProcessRecorder({ pool, applicationName: postgres.name });
    const [event] = makeEvents(1);
    await expect(recorder.insertEvents(event === undefined ? [] : [event, event])).rejects.toBeInstanceOf(
      IntegrityError,
    );
    expect(released).toEqual([undefined]);
  });
});

describe('a sequence that was set back', () => {
  it.each([
    ['onto ids that are stored', undefined, 1, 2],
    ['into a gap', 'DELETE FROM $table WHERE notification_id IN (2, 3)', 2, 2],
    ['into a gap, of which the last event would be beyond', 'DELETE FROM $table WHERE notification_id = 4', 4, 2],
  ])('gives no event an id that followers have passed: %s', async (_what, prepare, restart, count) => {
    const applicationName = uniqueName();
    const recorder = await postgres.make({ applicationName });
    const table = `${applicationName}_events`;
    await recorder.insertEvents(makeEvents(5));
    if (prepare !== undefined) await postgres.pool.query(prepare.replace('$table', table));
    await postgres.pool.query(`ALTER SEQUENCE ${table}_notification_id_seq RESTART WITH ${restart}`);
    const before = await recorder.selectNotifications({ start: 1, limit: 10 });
    const events = makeEvents(count);
    const tracking = { applicationName: 'up', notificationId: 1 };
    const attempt = recorder.insertEvents(events, { tracking });
    await expect(attempt).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { reason: 'sequence' } });
    await expect(attempt).rejects.toThrow(/Nothing was stored/);
    await expect(recorder.transaction((transaction) => transaction.insertEvents(events))).rejects.toMatchObject({
      details: { reason: 'sequence' },
    });
    expect(await recorder.selectNotifications({ start: 1, limit: 10 })).toEqual(before);
    expect(await recorder.maxTrackingId('up')).toBe(0);
    // What the error says to do.
    const [, setval = ''] = /(SELECT setval.*)\.$/.exec(await attempt.then(String, String)) ?? [];
    await postgres.pool.query(setval);
    expect(await recorder.insertEvents(events, { tracking })).toEqual(events.map((_event, index) => 6 + index));
  });
});

describe('batches', () => {
  it('of thousands of events keep the order of the call', async () => {
    const recorder = await postgres.make();
    const events = Array.from({ length: 300 }, () => makeEvents(10)).flat();
    const ids = await recorder.insertEvents(events);
    const stored = await recorder.selectNotifications({ start: 1, limit: 5_000 });
    expect(stored.map(({ id }) => id)).toEqual(ids);
    expect(stored.map(({ originatorId }) => originatorId)).toEqual(events.map(({ originatorId }) => originatorId));
  });

  it('are announced, and when that fails they are recorded as well: only the connection is not used again', async () => {
    const notify = vi.fn();
    const { pool, released } = spiedPool(postgres.pool, async (text) => {
      if (!text.includes('NOTIFY')) return;
      notify();
      throw new Error('no');
    });
    const recorder = new PostgresProcessRecorder({ pool, applicationName: postgres.name });
    const [event] = makeEvents(1);
    await recorder.insertEvents([event!]);
    await recorder.transaction((transaction) => transaction.insertEvents(makeEvents(1)));
    expect(await recorder.selectEvents(event!.originatorId)).toEqual([event]);
    expect(notify).toHaveBeenCalledTimes(2);
    expect(released.filter((error) => error !== undefined)).toHaveLength(2);
  });
});

/** Ends every other session of this database's pool, from a connection of its own. */
async function terminateSessions(own: PostgresFixture): Promise<void> {
  const pool = await createPgPool({ connectionString: own.url, poolSize: 1, maxOverflow: 0 });
  const { rows } = await own.pool.query('SELECT pg_backend_pid() AS pid');
  await pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE query LIKE $1 AND pid <> pg_backend_pid() OR pid = $2`,
    [`%"${own.name}_events"%`, rows[0]?.['pid']],
  );
  await pool.end();
}

const WAITING_SQL = `FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND query LIKE $1 AND pid <> pg_backend_pid()`;

async function terminateWaiting(own: PostgresFixture): Promise<number> {
  const { rows } = await own.pool.query(`SELECT pg_terminate_backend(pid) ${WAITING_SQL}`, [`%"${own.name}_events"%`]);
  return rows.length;
}

async function countWaiting(own: PostgresFixture): Promise<number> {
  const { rows } = await own.pool.query(`SELECT pid ${WAITING_SQL}`, [`%"${own.name}_events"%`]);
  return rows.length;
}

async function endSession(client: PostgresClient): Promise<void> {
  await client.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => undefined);
}

/** Ends a connection as a network does: no side tells the other. */
function cutConnection(client: PostgresClient): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

/** A pool that does something before each statement of a lent connection, and notes how connections come back. */
function spiedPool(
  pool: PostgresPool,
  before: (text: string, client: PostgresClient) => Promise<void>,
): { readonly pool: PostgresPool; readonly released: (Error | undefined)[] } {
  const released: (Error | undefined)[] = [];
  const connect = async (): Promise<PostgresClient> => {
    const client = await pool.connect();
    return {
      query: async (text, values) => {
        await before(text, client);
        return await client.query(text, values);
      },
      on: (event, listener) => client.on?.(event, listener),
      release: (error) => {
        released.push(error);
        client.release(error);
      },
    };
  };
  return { pool: { connect, query: (text, values) => pool.query(text, values) }, released };
}
