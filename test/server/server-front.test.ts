import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkTenant } from '../../src/server/access/visitor.js';
import { listen } from '../../src/server/hosts/http-listener.js';
import type { RequestLine } from '../../src/server/index.js';
import { makeServerFront } from '../../src/server/server-front.js';
import type { ServerFront, ServerFrontOptions } from '../../src/server/server-front.js';

const lines: RequestLine[] = [];
const tokens = [
  { token: 'a', subject: 'anna', tenants: ['north'] },
  { token: 'b', subject: 'bert', tenants: '*' as const },
  'shared',
];

afterEach(() => {
  lines.length = 0;
});

/** A server of another kind than the present one: several tenants, and a stream that stays open. */
function makeServer(options: Partial<ServerFrontOptions> = {}): ServerFront {
  const front = makeServerFront(
    { tokens, log: vi.fn(), requestLog: (line) => lines.push(line), ...options },
    { stamp: { 'daybook-protocol': '2' }, probe: () => Promise.resolve() },
  );
  front.app.get('/v2/t/:tenant/units', ...front.guards, (c) => {
    checkTenant(c.get('visitor'), c.req.param('tenant'));
    return c.json(c.get('visitor'));
  });
  front.app.get('/v2/live', ...front.guards, front.liveGuard, (c) =>
    c.body(
      new ReadableStream({
        start(controller): void {
          controller.enqueue(new TextEncoder().encode('event: head\n\n'));
        },
      }),
    ),
  );
  return front;
}

const ask = ({ fetch }: ServerFront, path: string, token: string, init: RequestInit = {}): Promise<Response> =>
  fetch(new Request(`http://server.test${path}`, { ...init, headers: { authorization: `Bearer ${token}` } }));

describe('what stands before every route', () => {
  it('says who it is, and whose tenants those are; a stranger’s and one that is not there look alike', async () => {
    const server = makeServer();
    expect(await (await ask(server, '/v2/t/north/units', 'a')).json()).toEqual({ subject: 'anna', tenants: ['north'] });
    const [other, none] = [await ask(server, '/v2/t/south/units', 'a'), await ask(server, '/v2/t/nowhere/units', 'a')];
    expect([other.status, none.status]).toEqual([403, 403]);
    expect(await other.text()).toBe(await none.text());
    for (const token of ['b', 'shared']) expect((await ask(server, '/v2/t/south/units', token)).status).toBe(200);
    expect((await ask(server, '/v2/t/north/units', 'x')).status).toBe(401);
  });

  it('names a route without what differs', async () => {
    await (await ask(makeServer(), '/v2/t/north/units', 'a')).text();
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(lines[0]).toMatchObject({ route: '/v2/t/:tenant/units', status: 200 });
  });

  it('names a fault by its route, and not by what differs', async () => {
    const log = vi.fn();
    const server = makeServer({ log });
    server.app.get('/v2/t/:tenant/broken', () => {
      throw new TypeError('broken');
    });
    await ask(server, '/v2/t/secret-tenant/broken', 'a');
    expect(log).toHaveBeenCalledWith(expect.stringContaining('GET /v2/t/:tenant/broken'), expect.any(TypeError));
    expect(log.mock.lastCall?.[0]).not.toContain('secret-tenant');
  });

  it('counts streams until they are read to the end, cancelled, or their sender is gone', async () => {
    const server = makeServer({ limits: { liveConnections: 2 } });
    const gone = new AbortController();
    const first = await ask(server, '/v2/live', 'a');
    const second = await ask(server, '/v2/live', 'a', { signal: gone.signal });
    expect([first.status, second.status]).toEqual([200, 200]);
    const third = await ask(server, '/v2/live', 'a');
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '1']);
    // Others have their own.
    expect((await ask(server, '/v2/live', 'b')).status).toBe(200);
    await first.body?.cancel();
    const fourth = await ask(server, '/v2/live', 'a');
    expect(fourth.status).toBe(200);
    expect((await ask(server, '/v2/live', 'a')).status).toBe(429);
    gone.abort();
    expect((await ask(server, '/v2/live', 'a')).status).toBe(200);
  });

  it('counts the bytes of an answer, so that the next request waits', async () => {
    const server = makeServer({ limits: { bytesPerMinute: 60_000 } });
    server.app.get('/v2/large', ...server.guards, (c) => c.text('x'.repeat(90_000)));
    const statuses: number[] = [];
    for (let count = 0; count < 2; count++) {
      const answer = await ask(server, '/v2/large', 'a');
      statuses.push(answer.status);
      await answer.text();
    }
    const late = await ask(server, '/v2/large', 'a');
    expect([...statuses, late.headers.get('retry-after')]).toEqual([200, 429, expect.stringMatching(/^3[01]$/)]);
  });

  it('frees the place of a stream over HTTP when its connection breaks', async () => {
    const server = makeServer({ limits: { liveConnections: 1 } });
    const listener = await listen({ fetch: server.fetch, hostname: '127.0.0.1', port: 0 });
    const open = (signal?: AbortSignal): Promise<Response> =>
      fetch(`${listener.url}/v2/live`, {
        headers: { authorization: 'Bearer a' },
        ...(signal === undefined ? {} : { signal }),
      });
    const gone = new AbortController();
    const first = await open(gone.signal);
    expect(first.status).toBe(200);
    await first.body?.getReader().read();
    expect((await open()).status).toBe(429);
    gone.abort();
    await vi.waitFor(async () => {
      const again = await open();
      expect(again.status).toBe(200);
      await again.body?.cancel();
    });
    await vi.waitFor(() => expect(lines.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(2));
    await listener.close(1_000);
  });

  it('sees a stream end when it ends, with all that was sent of it', async () => {
    const response = await ask(makeServer(), '/v2/live', 'a');
    const reader = response.body?.getReader();
    await reader?.read();
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toHaveLength(0);
    await reader?.cancel();
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(lines[0]).toMatchObject({ route: '/v2/live', status: 200, bytesOut: 'event: head\n\n'.length });
  });

  it('has a line for an answer without a body, and for what is thrown and is no error', async () => {
    const server = makeServer();
    server.app.get('/v2/odd', () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- foreign code may
      throw 'what is no error';
    });
    expect((await ask(server, '/v2/odd', 'a')).status).toBe(500);
    await ask(server, '/v2/t/north/units', 'a', { method: 'HEAD' });
    await vi.waitFor(() => expect(lines).toHaveLength(2));
    expect(lines.map(({ method, status, code }) => [method, status, code])).toEqual([
      ['GET', 500, 'SYNC_ERROR'],
      ['HEAD', 200, undefined],
    ]);
  });
});
