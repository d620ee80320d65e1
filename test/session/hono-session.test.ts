/**
 * Sessions of a scoped or request-wide kind as web frameworks have them: committed at the end of the request, not
 * committed after an error, lost when nobody committed.
 *
 * @module
 */
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '../../src/domain/domain-event.js';
import { EventStore } from '../../src/persistence/event-store.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { TransactionalRecorder } from '../../src/persistence/recorder-transaction.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { createSession, sessionMiddleware } from '../../src/session/index.js';
import type { SessionOptions } from '../../src/session/index.js';
import { openPostgres } from '../support/postgres-fixture.js';

type Order = DomainEvent<'orders:Placed' | 'orders:Paid', { readonly text: string }>;

interface Opened {
  readonly recorder: TransactionalRecorder<unknown>;
  close(): Promise<void> | void;
}

/** A web application that has orders, whose requests are sessions. */
function makeApp(recorder: TransactionalRecorder<unknown>, options: SessionOptions = {}): Hono {
  const session = createSession(recorder, options);
  const mapper = new Mapper<Order>({ transcoder: new JSONTranscoder() });
  const orders = new EventStore<Order>({ mapper, recorder: session.recorder });
  const event = (originatorId: string, originatorVersion: number, type: Order['type']): Order => {
    return { originatorId, originatorVersion, type, data: { text: 'x' } };
  };

  const app = new Hono();
  app.use(sessionMiddleware(session));
  app.onError((error, c) => c.text(error.message, error instanceof HTTPException ? error.status : 500));
  app.get('/orders/:id', async (c) => {
    const history = await orders.get(c.req.param('id'));
    return history.length === 0 ? c.notFound() : c.text(history.map(({ type }) => type).join());
  });
  app.put('/orders/:id/:ending', async (c) => {
    const { id, ending } = c.req.param();
    await orders.put([event(id, 1, 'orders:Placed')]);
    await orders.put([event(id, 2, 'orders:Paid')]);
    expect(await orders.get(id)).toHaveLength(2);
    switch (ending) {
      case 'throws':
        throw new TypeError('An error occurred!!!');
      case 'throws-4xx':
        throw new HTTPException(409, { message: 'conflict' });
      case 'answers-4xx':
        return c.text('refused, and that is recorded', 409);
      case 'answers-5xx':
        return c.text('unavailable', 503);
      case 'rolls-back':
        session.rollBack();
        return c.text('forgotten', 200);
      case 'commits':
        session.commit();
        return c.text('placed', 201);
      case 'commits-and-throws':
        session.commit();
        throw new TypeError('An error occurred!!!');
      case 'catches-a-conflict':
        await expect(orders.put([event(id, 2, 'orders:Paid')])).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
        return c.text('placed', 201);
      default:
        return c.text('placed', 201);
    }
  });
  return app;
}

function describeRequests(engine: string, open: () => Promise<Opened>): void {
  describe(engine, () => {
    let opened: Opened;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened.close());

    /** Sends a request that writes, and then another one that reads. */
    const request = async (ending: string, options: SessionOptions = {}): Promise<{ put: number; get: number }> => {
      const app = makeApp(opened.recorder, options);
      const address = `/orders/${crypto.randomUUID()}`;
      const put = await app.request(`${address}/${ending}`, { method: 'PUT' });
      const get = await app.request(address);
      if (get.status === 200) expect(await get.text()).toBe('orders:Placed,orders:Paid');
      return { put: put.status, get: get.status };
    };

    test('what a request committed is found by the next one', async () => {
      expect(await request('returns')).toEqual({ put: 201, get: 200 });
      expect(await request('commits', { outcome: 'rollBack' })).toEqual({ put: 201, get: 200 });
    });

    test('what a request did that threw was not committed', async () => {
      expect(await request('throws')).toEqual({ put: 500, get: 404 });
      expect(await request('throws-4xx')).toEqual({ put: 409, get: 404 });
      expect(await request('commits-and-throws', { outcome: 'rollBack' })).toEqual({ put: 500, get: 404 });
    });

    test('what a request forgot to commit is lost', async () => {
      expect(await request('returns', { outcome: 'rollBack' })).toEqual({ put: 201, get: 404 });
      expect(await request('rolls-back')).toEqual({ put: 200, get: 404 });
    });

    test('an answer that says that the server failed commits nothing; one that refuses does', async () => {
      expect(await request('answers-5xx')).toEqual({ put: 503, get: 404 });
      expect(await request('answers-4xx')).toEqual({ put: 409, get: 200 });
    });

    test('a conflict that was caught leaves the rest as it is', async () => {
      expect(await request('catches-a-conflict')).toEqual({ put: 201, get: 200 });
    });

    test('requests at once keep apart', async () => {
      const endings = ['returns', 'throws', 'returns', 'rolls-back', 'answers-5xx', 'returns'];
      const found = await Promise.all(endings.map(async (ending) => (await request(ending)).get));
      expect(found).toEqual([200, 404, 200, 404, 404, 200]);
    });
  });
}

describeRequests('in memory', async () => ({ recorder: new MemoryProcessRecorder(), close: () => undefined }));
describeRequests('on node:sqlite', async () => {
  const database = await openNodeSqlite({ path: ':memory:' });
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return { recorder, close: () => database.close() };
});
describeRequests('on PostgreSQL', async () => {
  const { make, close } = await openPostgres();
  return { recorder: await make(), close };
});

describe('a commit that fails', () => {
  test('is answered by onError, and the answer that was meant is not sent', async () => {
    const { recorder, pool, close, name } = await openPostgres();
    await pool.query(`CREATE TABLE ${name}_own (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)`);
    const session = createSession(recorder);
    const app = new Hono();
    app.use(sessionMiddleware(session));
    app.onError((error, c) => c.text(error.constructor.name, 500));
    app.post('/', async (c) => {
      // Unique at the end only: each of the two statements succeeds.
      for (const id of [1, 1]) await session.current()?.connection.query(`INSERT INTO ${name}_own VALUES (${id})`);
      return c.text('placed', 201);
    });
    const response = await app.request('/', { method: 'POST' });
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('IntegrityError');
    expect((await pool.query(`SELECT * FROM ${name}_own`)).rows).toEqual([]);
    await close();
  });
});
