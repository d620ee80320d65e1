import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OperationalError, ProgrammingError } from '../../../src/persistence/errors.js';
import { createPgPool, pgliteDriver, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import type { PostgresPool } from '../../../src/persistence/postgres/index.js';
import type { Notification } from '../../../src/persistence/stored-event.js';
import { systemClock } from '../../../src/util/clock.js';
import { CountingClock } from '../../support/counting-clock.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';

// Whoever needs notifications to pass within this time was not woken.
const NEVER_MS = 3_600_000;

let postgres: PostgresFixture;

beforeAll(async () => {
  postgres = await openPostgres({ poolSize: 10 });
});
afterAll(() => postgres.close());

const take = async (source: AsyncIterator<Notification>, count: number): Promise<number[]> => {
  const ids: number[] = [];
  while (ids.length < count) {
    const { value, done } = await source.next();
    if (done === true) break;
    ids.push(value.id);
  }
  return ids;
};

const listenersOf = async (name: string): Promise<number> => {
  const { rows } = await postgres.pool.query('SELECT pid FROM pg_stat_activity WHERE query = $1', [
    `LISTEN "${name}_events"`,
  ]);
  return rows.length;
};

describe('a subscription', () => {
  it('gives what is there, then what comes, and lets go of its connection at the end', async () => {
    const applicationName = uniqueName();
    const recorder = await postgres.make({ applicationName });
    await recorder.insertEvents(makeEvents(3));
    const subscription = recorder.subscribe({ pollIntervalMs: NEVER_MS });
    expect(await take(subscription, 3)).toEqual([1, 2, 3]);
    for (let id = 4; id <= 6; id++) {
      const next = take(subscription, 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await recorder.insertEvents(makeEvents(1));
      expect(await next).toEqual([id]);
    }
    expect(await listenersOf(applicationName)).toBe(1);
    await subscription.return();
    await expect.poll(() => listenersOf(applicationName)).toBe(0);
  });

  it('is woken by whoever uses the channel, as the Python library does', async () => {
    const applicationName = uniqueName();
    const recorder = await postgres.make({ applicationName });
    const subscription = recorder.subscribe({ pollIntervalMs: NEVER_MS });
    const next = take(subscription, 1);
    await expect.poll(() => listenersOf(applicationName)).toBe(1);
    await postgres.pool.query(`BEGIN; LOCK TABLE ${applicationName}_events IN EXCLUSIVE MODE;
      NOTIFY "${applicationName}_events";
      INSERT INTO ${applicationName}_events VALUES ('${crypto.randomUUID()}', 1, 'dogschool:Dog', '\\x7b7d'); COMMIT`);
    expect(await next).toEqual([1]);
    await subscription.return();
  });

  it('looks for itself, for writers that tell nobody', async () => {
    const recorder = await postgres.make();
    const mute: PostgresPool = {
      supportsNotifications: false,
      connect: () => postgres.pool.connect(),
      query: (text, values) => postgres.pool.query(text, values),
    };
    const applicationName = uniqueName();
    const writer = new PostgresProcessRecorder({ pool: mute, applicationName });
    await writer.createTable();
    const subscription = (await postgres.make({ applicationName })).subscribe({ pollIntervalMs: 20 });
    const next = take(subscription, 2);
    await writer.insertEvents(makeEvents(2));
    expect(await next).toEqual([1, 2]);
    await subscription.return();
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  it('goes on when its connection is ended', async () => {
    const applicationName = uniqueName();
    const recorder = await postgres.make({ applicationName });
    const subscription = recorder.subscribe({ pollIntervalMs: 50 });
    const first = take(subscription, 1);
    await expect.poll(() => listenersOf(applicationName)).toBe(1);
    await postgres.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1', [
      `LISTEN "${applicationName}_events"`,
    ]);
    await recorder.insertEvents(makeEvents(1));
    expect(await first).toEqual([1]);
    const second = take(subscription, 1);
    await expect.poll(() => listenersOf(applicationName)).toBe(1);
    await recorder.insertEvents(makeEvents(1));
    expect(await second).toEqual([2]);
    await subscription.return();
  });

  it('starts after an id, and keeps to its topics without looking at others twice', async () => {
    const recorder = await postgres.make();
    const events = ['a', 'b', 'a', 'c', 'b', 'c', 'c'].map((topic) => ({ ...makeEvents(1)[0]!, topic }));
    await recorder.insertEvents(events);
    const all = recorder.subscribe({ gt: 5 });
    expect(await take(all, 2)).toEqual([6, 7]);
    await all.return();
    const some = recorder.subscribe({ gt: 1, topics: ['a', 'b'], pollIntervalMs: 20 });
    expect(await take(some, 3)).toEqual([2, 3, 5]);
    const next = take(some, 1);
    await recorder.insertEvents([{ ...makeEvents(1)[0]!, topic: 'c' }]);
    await recorder.insertEvents([{ ...makeEvents(1)[0]!, topic: 'b' }]);
    expect(await next).toEqual([9]);
    await some.return();
  });

  it('ends when it is aborted: before, while it waits, and in the middle of a page', async () => {
    const recorder = await postgres.make();
    expect(await take(recorder.subscribe({ signal: AbortSignal.abort() }), 1)).toEqual([]);
    await recorder.insertEvents(makeEvents(5));
    const controller = new AbortController();
    const subscription = recorder.subscribe({ signal: controller.signal, gt: 5, pollIntervalMs: NEVER_MS });
    const waiting = take(subscription, 1);
    setTimeout(() => controller.abort(), 30);
    expect(await waiting).toEqual([]);
    const other = new AbortController();
    const seen: number[] = [];
    for await (const { id } of recorder.subscribe({ signal: other.signal })) {
      seen.push(id);
      if (id === 2) other.abort();
    }
    expect(seen).toEqual([1, 2]);
  });

  it('reads page by page, as they are asked for', async () => {
    const recorder = await postgres.make();
    await recorder.insertEvents(Array.from({ length: 120 }, () => makeEvents(10)).flat());
    const subscription = recorder.subscribe();
    expect(await take(subscription, 1_200)).toEqual(Array.from({ length: 1_200 }, (_, index) => index + 1));
    await subscription.return();
  });

  it('says when the database cannot be read, and what cannot be asked for', async () => {
    const recorder = new PostgresProcessRecorder({
      pool: await createPgPool({ connectionString: 'postgres://x:y@127.0.0.1:1/z' }),
    });
    await expect(recorder.subscribe().next()).rejects.toBeInstanceOf(OperationalError);
    expect(() => recorder.subscribe({ gt: 0.5 })).toThrow(ProgrammingError);
  });

  it('takes no connection away where there is only one', async () => {
    const pool = await createPgPool({ connectionString: postgres.url, poolSize: 1, maxOverflow: 0 });
    const recorder = new PostgresProcessRecorder({ pool, applicationName: uniqueName() });
    await recorder.createTable();
    const subscription = recorder.subscribe({ pollIntervalMs: 20, clock: systemClock });
    const next = take(subscription, 1);
    await recorder.insertEvents(makeEvents(1));
    expect(await next).toEqual([1]);
    await subscription.return();
    await pool.end();
  });
});

describe('who only listens', () => {
  it('hears of what others record, keeps one connection for it, and lets go of it at the end', async () => {
    const applicationName = uniqueName();
    const [recorder, other] = [await postgres.make({ applicationName }), await postgres.make({ applicationName })];
    const news = vi.fn();
    const stops = [recorder.listen(news), recorder.listen(vi.fn())];
    await expect.poll(() => listenersOf(applicationName)).toBe(1);
    await expect.poll(() => news.mock.calls.length).toBe(1);
    await other.insertEvents(makeEvents(3));
    await expect.poll(() => news.mock.calls.length).toBe(2);
    for (const stop of stops) await stop();
    await expect.poll(() => listenersOf(applicationName)).toBe(0);
  });

  it('has a lost connection replaced, and is called because something may have been missed', async () => {
    const applicationName = uniqueName();
    const clock = new CountingClock();
    const recorder = await postgres.make({ applicationName });
    const news = vi.fn();
    const stop = recorder.listen(news, { clock });
    await expect.poll(() => news.mock.calls.length).toBe(1);
    await postgres.pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1', [
      `LISTEN "${applicationName}_events"`,
    ]);
    // At its end, and when there is another one.
    await expect.poll(() => news.mock.calls.length).toBe(3);
    expect(await listenersOf(applicationName)).toBe(1);
    await stop();
    clock.advance(10_000);
    await expect.poll(() => listenersOf(applicationName)).toBe(0);
  });

  it('looks for a connection again where there was none', async () => {
    const applicationName = uniqueName();
    await postgres.make({ applicationName });
    const clock = new CountingClock();
    let isDown = true;
    const pool: PostgresPool = {
      connect: async () => (isDown ? await Promise.reject(new Error('down')) : await postgres.pool.connect()),
      query: (text, values) => postgres.pool.query(text, values),
    };
    const news = vi.fn();
    const stop = new PostgresProcessRecorder({ pool, applicationName }).listen(news, { clock });
    isDown = false;
    await vi.waitFor(() => {
      clock.advance(1_000);
      expect(news).toHaveBeenCalled();
    });
    await stop();
  });
});

it('listens on PGlite, also for what its transactions record', async () => {
  const database = new PGlite();
  const recorder = new PostgresProcessRecorder({ pool: pgliteDriver(database), applicationName: 'Ünï "x"' });
  await recorder.createTable();
  const subscription = recorder.subscribe({ pollIntervalMs: NEVER_MS });
  const next = take(subscription, 3);
  await recorder.transaction(async (transaction) => {
    await transaction.insertEvents(makeEvents(2));
  });
  await recorder.insertEvents(makeEvents(1));
  expect(await next).toEqual([1, 2, 3]);
  await subscription.return();
  await database.close();
  await expect(recorder.maxNotificationId()).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
});
