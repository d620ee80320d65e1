import { get } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { startEmbeddedPostgres, startNodeHost } from '../../src/server/hosts/index.js';
import type { NodeHost, NodeHostOptions } from '../../src/server/hosts/index.js';
import { LIMITS_DEFAULT } from '../../src/sync/protocol/index.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { pendingUnits, postUnits } from '../support/unit-wire.js';
import type { UnitAnswer } from '../support/unit-wire.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../support/temporary-folder.js';
import { PATIENTLY } from '../support/patience.js';

const hosts: NodeHost[] = [];

async function start(options: NodeHostOptions = {}): Promise<NodeHost> {
  const host = await startNodeHost({
    port: 0,
    databaseUrl: inject('pgUrl'),
    applicationName: uniqueName(),
    log: vi.fn(),
    ...(options.tokens === undefined ? { allowAnonymous: true } : {}),
    ...options,
  });
  hosts.push(host);
  return host;
}

const push = (
  host: NodeHost,
  units: Parameters<typeof postUnits>[1],
  headers: Record<string, string> = {},
): Promise<UnitAnswer> => postUnits(fetch, units, headers, host.url);
const positionsOf = ({ body }: UnitAnswer): unknown[] => body.decisions?.map(([, , position]) => position) ?? [];

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

describe('a host', () => {
  it('takes pushes over HTTP, with a token', async () => {
    const host = await start({ tokens: ['good'] });
    const request = pendingUnits(3);
    expect((await push(host, request)).status).toBe(401);
    const answer = await push(host, request, { authorization: 'Bearer good' });
    expect([answer.status, positionsOf(answer), answer.body.head]).toEqual([200, [1, 2, 3], 3]);
    expect(await host.recorder.maxNotificationId()).toBe(3);
    expect((await fetch(`${host.url}/health`)).status).toBe(200);
  });

  it('refuses a large body, and goes on', async () => {
    const host = await start();
    expect((await push(host, new Uint8Array(LIMITS_DEFAULT.unitBytes + 1))).status).toBe(413);
    expect((await push(host, pendingUnits(1))).status).toBe(200);
  });

  it('gives what is not its own to the routes, with its database', async () => {
    const host = await start({
      routes: async (request, { recorder }) =>
        Response.json({ page: new URL(request.url).pathname, head: await recorder.maxNotificationId() }),
    });
    expect(await (await fetch(`${host.url}/books`)).json()).toEqual({ page: '/books', head: 0 });
    expect((await fetch(`${host.url}/v2/nothing`)).status).toBe(404);
    expect((await fetch(`${host.url}/v1/push`, { method: 'POST' })).status).toBe(426);
    expect((await push(host, pendingUnits(1))).status).toBe(200);
  });

  it('works on when its connections were ended', async () => {
    const host = await start();
    await Promise.all(Array.from({ length: 5 }, () => push(host, pendingUnits(1))));
    for (let round = 0; round < 3; round++) {
      await endSessionsOf(host);
      expect((await push(host, pendingUnits(2))).status).toBe(200);
    }
    expect(await host.recorder.maxNotificationId()).toBe(11);
  });

  it('refuses to start when its address is taken, and leaves nothing open', async () => {
    const { url } = await start();
    await expect(start({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
  });

  it('refuses to start when nothing says who may push, before anything else', async () => {
    const refused = startNodeHost({ port: 0, databaseDir: '/nonexistent/folder' });
    await expect(refused).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  it('refuses to start without its database', async () => {
    await expect(start({ databaseUrl: 'postgres://x:y@127.0.0.1:1/z' })).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
    });
  });
});

describe('the name that a host is reached by', () => {
  const ask = (host: NodeHost, name: string, path = '/health'): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      get(`${host.url}${path}`, { headers: { host: name } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
  const routes = (): Response => new Response('books');

  it('is one of this machine, where no token protects it', async () => {
    const host = await start({ routes });
    for (const name of [
      'localhost',
      'localhost:4173',
      'LOCALHOST',
      'app.localhost:1',
      '127.0.0.1',
      '[::1]:4173',
      '10.0.0.7',
    ]) {
      expect([name, await ask(host, name)]).toEqual([name, 200]);
    }
    for (const name of ['evil.example', 'evil.example:8787', 'localhost.evil.example', '127.0.0.1.evil.example']) {
      expect([name, await ask(host, name), await ask(host, name, '/books')]).toEqual([name, 403, 403]);
    }
    const answer = await fetch(`${host.url}/health`);
    expect(answer.status).toBe(200);
  });

  it('may be any where tokens protect it, and those that are allowed', async () => {
    expect(await ask(await start({ tokens: ['good'] }), 'stock.example')).toBe(200);
    const allowing = await start({ allowedHosts: ['stock.example'] });
    expect(await ask(allowing, 'stock.example:443')).toBe(200);
    expect(await ask(allowing, 'evil.example')).toBe(403);
    const strict = await start({ tokens: ['good'], allowedHosts: ['stock.example'] });
    expect(await ask(strict, 'evil.example')).toBe(403);
  });
});

it.each([
  [
    'throw',
    () => {
      throw new Error('secret');
    },
  ],
  ['reject', () => Promise.reject(new Error('secret'))],
])('routes that %s are answered for, and logged', async (_case, routes) => {
  const log = vi.fn<(message: string, error: unknown) => void>();
  const host = await start({ routes, log });
  const answer = await fetch(`${host.url}/books`);
  expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('secret')]);
  expect(log).toHaveBeenCalledWith(expect.any(String), expect.objectContaining({ message: 'secret' }));
});

describe('closing', () => {
  it('answers the request in flight, takes no more, and waits for the pool', async () => {
    const applicationName = uniqueName();
    const host = await start({ applicationName });
    await using writer = await otherWriter(applicationName);
    const inFlight = push(host, pendingUnits(2));
    await writer.isWaitedFor();
    const closing = host.close();
    await expect(fetch(`${host.url}/health`)).rejects.toThrow();
    await writer.letGo();
    expect((await inFlight).status).toBe(200);
    await closing;
    await expect(host.pool.query('SELECT 1')).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
  });

  it('does not wait for ever', async () => {
    const applicationName = uniqueName();
    const host = await start({ applicationName, closeLimitMs: 100 });
    await using writer = await otherWriter(applicationName);
    const inFlight = push(host, pendingUnits(2)).catch((error: unknown) => error);
    await writer.isWaitedFor();
    const closing = host.close();
    expect(await inFlight).toBeInstanceOf(Error);
    await writer.letGo();
    await closing;
  });

  it('tells routes that stream', async () => {
    const host = await start({
      routes: (_request, { closing }) =>
        new Response(
          new ReadableStream({
            start(controller): void {
              controller.enqueue(new TextEncoder().encode('on and on'));
              closing.addEventListener('abort', () => controller.close());
            },
          }),
        ),
    });
    const response = await fetch(`${host.url}/live`);
    const before = performance.now();
    await host.close();
    expect(performance.now() - before).toBeLessThan(5_000);
    expect(await response.text()).toBe('on and on');
  });

  it('may be asked for twice, and by `await using`', async () => {
    const host = await start();
    await Promise.all([host.close(), host.close(), host[Symbol.asyncDispose]()]);
  });
});

describe('with its own PostgreSQL', () => {
  it('starts, keeps what was pushed, and starts again', async () => {
    const folder = await makeTemporaryFolder();
    const options: NodeHostOptions = {
      databaseUrl: undefined,
      databaseDir: join(folder.path, 'books'),
      applicationName: 'warehouse',
      embedded: FAST_POSTGRES,
    };
    const request = pendingUnits(4);
    const first = await start(options);
    expect(positionsOf(await push(first, request))).toEqual([1, 2, 3, 4]);
    await first.close();
    const second = await start(options);
    expect(positionsOf(await push(second, request))).toEqual([1, 2, 3, 4]);
    expect(await second.recorder.selectNotifications({ start: 1, limit: 10 })).toHaveLength(4);
    await second.close();
    await folder.remove();
  });

  it('that goes away and comes back: 503 in between, everything once at the end', async () => {
    const folder = await makeTemporaryFolder();
    const databaseDir = join(folder.path, 'books');
    const first = await startEmbeddedPostgres({ databaseDir, ...FAST_POSTGRES });
    const host = await start({ databaseUrl: first.url });
    const request = pendingUnits(2);
    expect((await push(host, request)).status).toBe(200);
    await first.close();
    const answer = await push(host, request);
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
    expect((await fetch(`${host.url}/ready`)).status).toBe(503);
    expect((await fetch(`${host.url}/health`)).status).toBe(200);
    const second = await startEmbeddedPostgres({
      databaseDir,
      ...FAST_POSTGRES,
      port: Number(new URL(first.url).port),
    });
    expect(positionsOf(await push(host, request))).toEqual([1, 2]);
    await host.close();
    await second.close();
    await folder.remove();
  });
});

interface OtherWriter extends AsyncDisposable {
  /** Resolves when somebody waits for the lock. */
  isWaitedFor(): Promise<void>;
  letGo(): Promise<void>;
}

/** Holds the lock of an application's events table, so that a push must wait. */
async function otherWriter(applicationName: string): Promise<OtherWriter> {
  const pool = await createPgPool({ connectionString: inject('pgUrl') });
  const client = await pool.connect();
  await client.query(`BEGIN; LOCK TABLE ${applicationName}_events IN EXCLUSIVE MODE`);
  return {
    isWaitedFor: () =>
      vi.waitFor(async () => {
        const { rows } = await pool.query('SELECT 1 FROM pg_locks WHERE NOT granted AND relation = $1::regclass', [
          `${applicationName}_events`,
        ]);
        expect(rows).toHaveLength(1);
      }, PATIENTLY),
    letGo: async () => {
      await client.query('COMMIT');
    },
    [Symbol.asyncDispose]: async () => {
      client.release();
      await pool.end();
    },
  };
}

/** Ends the sessions that worked on the host's tables, as a restart of the server would. */
async function endSessionsOf(host: NodeHost): Promise<void> {
  const { rows } = await host.pool.query('SELECT pg_backend_pid() AS pid');
  const pool = await createPgPool({ connectionString: host.databaseUrl });
  await pool.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.['pid']]);
  await pool.end();
}
