import { afterEach, describe, expect, it, vi } from 'vitest';
import { OperationalError, ProgrammingError } from '../../../src/persistence/errors.js';
import {
  createSyncServer,
  MemoryReplicaStore,
  MemoryUnitLog,
  PostgresUnitLog,
  ReplicaRegistry,
} from '../../../src/server/index.js';
import type { SyncServerOptions } from '../../../src/server/index.js';
import { HealthCheck } from '../../../src/server/observing/health-check.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { pendingUnits, postUnits, readAnswer } from '../../support/unit-wire.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';

let nowMs = 0;
const clock = { monotonicMs: () => nowMs };
const asked = vi.fn<() => Promise<number>>();
const makeHealth = (limitMs?: number): HealthCheck => new HealthCheck(asked, clock, limitMs);

afterEach(() => {
  asked.mockReset();
});

describe('the database is asked how it is', () => {
  it('by one question at a time, whose answer is good for a second', async () => {
    let settle: ((id: number) => void) | undefined;
    asked.mockImplementation(() => new Promise((resolve) => (settle = resolve)));
    const health = makeHealth();
    const answers = Array.from({ length: 1_000 }, () => health.check());
    expect(asked).toHaveBeenCalledTimes(1);
    settle?.(7);
    await Promise.all(answers);
    nowMs += 999;
    await health.check();
    expect(asked).toHaveBeenCalledTimes(1);
    nowMs += 1;
    asked.mockResolvedValue(7);
    await health.check();
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it('and its trouble is known for a second as well', async () => {
    asked.mockImplementation(() => Promise.reject(new OperationalError('away')));
    const health = makeHealth();
    for (let count = 0; count < 100; count++) await expect(health.check()).rejects.toThrow('away');
    expect(asked).toHaveBeenCalledTimes(1);
    nowMs += 1_000;
    asked.mockResolvedValue(7);
    await health.check();
  });

  it('never, while others are answered', async () => {
    const health = makeHealth();
    for (let count = 0; count < 10; count++) {
      health.noteAnswer();
      nowMs += 500;
      await health.check();
    }
    expect(asked).not.toHaveBeenCalled();
  });

  it('at once, when others are not', async () => {
    asked.mockImplementation(() => Promise.reject(new OperationalError('away')));
    const health = makeHealth();
    health.noteAnswer();
    health.noteTrouble();
    await expect(health.check()).rejects.toThrow('away');
  });

  it('and is not waited for longer than a limit, unless others were answered meanwhile', async () => {
    asked.mockImplementation(() => new Promise(() => undefined));
    const health = makeHealth(10);
    await expect(health.check()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const waiting = health.check();
    health.noteAnswer();
    await waiting;
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('also when it throws instead of rejecting', async () => {
    asked.mockImplementation(() => {
      throw new OperationalError('away');
    });
    await expect(makeHealth().check()).rejects.toThrow('away');
  });
});

describe('a pool that is exhausted', () => {
  const ready = (fetch: (request: Request) => Promise<Response>): Promise<number> =>
    fetch(new Request('http://server.test/ready')).then(({ status }) => status);

  it('is no fault of the request: 503, when to come again, and how the pool stands in the log only', async () => {
    await using small = await openPostgres({ poolSize: 1, maxOverflow: 0, poolTimeoutMs: 1_500 });
    const unitLog = (await makePostgresLog(small.pool)).open();
    const log = vi.fn<(message: string, error: unknown) => void>();
    const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, log });
    const request = pendingUnits(1);
    const client = await small.pool.connect();
    const answer = await postUnits(fetch, request);
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(log).toHaveBeenCalledWith(expect.any(String), expect.objectContaining({ code: 'CONNECTION_UNAVAILABLE' }));
    expect(await ready(fetch)).toBe(503);
    client.release();
    expect((await postUnits(fetch, request)).status).toBe(200);
    expect(await ready(fetch)).toBe(200);
  });

  it('cannot be made so by asking whether it is ready', async () => {
    await using small = await openPostgres({ poolSize: 2, maxOverflow: 0, poolTimeoutMs: 5_000 });
    const unitLog = (await makePostgresLog(small.pool)).open();
    const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, log: vi.fn() });
    const lends = vi.spyOn(small.pool, 'connect');
    const flood = Array.from({ length: 2_000 }, () => ready(fetch));
    const [answer] = await Promise.all([postUnits(fetch), ...flood]);
    expect(answer.status).toBe(200);
    expect(new Set(await Promise.all(flood))).toEqual(new Set([200]));
    // One for whoever asks; a push takes a few.
    expect(lends.mock.calls.length).toBeLessThan(10);
  });

  it('is 503 as well when it was closed: the server is going', async () => {
    const closed: PostgresFixture = await openPostgres();
    await closed.close();
    const { fetch } = createSyncServer({
      unitLog: new PostgresUnitLog({ recorder: closed.recorder }),
      allowAnonymous: true,
      log: vi.fn(),
    });
    expect((await postUnits(fetch)).status).toBe(503);
  });
});

it('every error of an engine in trouble is one of this side, to be tried again', async () => {
  class Newer extends OperationalError {
    static override readonly code: string = 'NOT_KNOWN_YET';
  }
  const unitLog = new MemoryUnitLog();
  unitLog.push = () => Promise.reject(new Newer('secret'));
  const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, log: vi.fn() });
  const answer = await postUnits(fetch);
  expect([answer.status, answer.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
  expect((await readAnswer(await fetch(new Request('http://server.test/ready')))).status).toBe(200);
});

describe('what is asked from outside', () => {
  const ask = async (
    options: Partial<SyncServerOptions>,
    path: string,
  ): Promise<{ status: number; code: string | undefined; retryAfter: string | null }> => {
    const server = createSyncServer({ unitLog: new MemoryUnitLog(), tokens: ['t'], log: vi.fn(), ...options });
    const { status, body, headers } = await readAnswer(await server.fetch(new Request(`http://server.test${path}`)));
    return { status, code: body.error?.code, retryAfter: headers.get('retry-after') };
  };
  const failing = (error: Error): MemoryUnitLog => {
    const unitLog = new MemoryUnitLog();
    unitLog.ping = () => Promise.reject(error);
    return unitLog;
  };

  it('is alive while the process answers, whatever the database does, and asks it nothing', async () => {
    const unitLog = failing(new OperationalError('away'));
    const spy = vi.spyOn(unitLog, 'ping');
    expect((await ask({ unitLog }, '/health')).status).toBe(200);
    expect(spy).not.toHaveBeenCalled();
  });

  it.each([new OperationalError('away'), new ProgrammingError('relation "x" does not exist'), new TypeError('odd')])(
    'is not ready when the database does not do what is needed: %s',
    async (error) => {
      const log = vi.fn();
      const answer = await ask({ unitLog: failing(error), log }, '/ready');
      expect([answer.status, answer.code]).toEqual([503, 'UNAVAILABLE']);
      expect(Number(answer.retryAfter)).toBeGreaterThan(0);
      expect(log).toHaveBeenCalledWith(expect.any(String), error);
    },
  );

  it('is not ready when a table is missing that it has of replicas', async () => {
    const store = new MemoryReplicaStore();
    store.list = () => Promise.reject(new ProgrammingError('relation "daybook_replicas" does not exist'));
    expect((await ask({ replicas: new ReplicaRegistry({ store }) }, '/ready')).status).toBe(503);
  });

  it('is not ready when it is about to stop, and alive and at work all the same', async () => {
    const stop = new AbortController();
    const unitLog = new MemoryUnitLog();
    const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, closing: stop.signal, log: vi.fn() });
    const statusOf = (path: string): Promise<number> =>
      fetch(new Request(`http://server.test${path}`)).then(({ status }) => status);
    expect(await statusOf('/ready')).toBe(200);
    stop.abort();
    expect([await statusOf('/ready'), await statusOf('/health')]).toEqual([503, 200]);
    expect((await postUnits(fetch)).status).toBe(200);
  });

  it('writes one line for one answer of the database, however many ask', async () => {
    const log = vi.fn();
    const unitLog = failing(new OperationalError('away'));
    const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, log });
    const asked = Array.from({ length: 100 }, () => fetch(new Request('http://server.test/ready')));
    expect(new Set((await Promise.all(asked)).map(({ status }) => status))).toEqual(new Set([503]));
    expect(log).toHaveBeenCalledTimes(1);
  });
});
