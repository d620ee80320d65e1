/** Whom a server lets in, and what it says to everybody. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { OperationalError, ProgrammingError } from '../../src/persistence/errors.js';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { createSyncServer, ForbiddenError, MemoryUnitLog, PostgresUnitLog } from '../../src/server/index.js';
import type { SyncServer, SyncServerOptions } from '../../src/server/index.js';
import { pendingUnits, postUnits, readAnswer } from '../support/unit-wire.js';

const log = vi.fn<(message: string, error: unknown) => void>();
let unitLog: MemoryUnitLog;

beforeEach(() => {
  log.mockReset();
  unitLog = new MemoryUnitLog();
});

const serve = (options: Partial<SyncServerOptions>): SyncServer => createSyncServer({ unitLog, log, ...options });
const good = pendingUnits(1);

describe('who may push', () => {
  const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });

  it.each<[string, Record<string, string>, number]>([
    ['no header', {}, 401],
    ['another scheme', { authorization: 'Basic Zm9v' }, 401],
    ['no token', { authorization: 'Bearer ' }, 401],
    ['a malformed token', bearer('a b'), 401],
    ['a wrong token', bearer('wrong'), 401],
    ['a good token', bearer('good-1'), 200],
    ['another good token', bearer('good-2'), 200],
    ['a good token, scheme in lower case', { authorization: 'bearer good-1' }, 200],
  ])('by tokens: %s', async (_case, headers, status) => {
    const answer = await postUnits(serve({ tokens: ['good-1', 'good-2'] }).fetch, good, headers);
    expect(answer.status).toBe(status);
    expect(await unitLog.head()).toBe(status === 200 ? 1 : 0);
    if (status === 200) return;
    expect(answer.body.error?.code).toBe('UNAUTHORIZED');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(answer.headers.get('daybook-protocol')).toBe('2');
  });

  it('everybody, by the switch', async () => {
    expect((await postUnits(serve({ allowAnonymous: true }).fetch, good)).status).toBe(200);
  });

  it.each<[string, Partial<SyncServerOptions>]>([
    ['nothing', {}],
    ['the switch turned off', { allowAnonymous: false }],
    ['no tokens', { tokens: [] }],
    ['an empty token', { tokens: [''] }],
    ['a token that can never match', { tokens: ['with space'] }],
    ['two ways at once', { tokens: ['a'], allowAnonymous: true }],
  ])('must be said: %s', (_case, options) => {
    expect(() => serve(options)).toThrow(ProgrammingError);
  });
});

describe('every answer is marked, and typed', () => {
  const request = (path: string, init?: RequestInit): Request => new Request(`http://server.test${path}`, init);

  it.each<[string, string, RequestInit, number, string]>([
    ['another version', '/v2/push', { method: 'POST', headers: { 'daybook-protocol': '3' } }, 426, 'UPGRADE_REQUIRED'],
    ['no version', '/v2/push', { method: 'POST' }, 426, 'UPGRADE_REQUIRED'],
    ['another method', '/v2/push', { method: 'GET' }, 405, 'INVALID_REQUEST'],
    ['another address', '/v2/pull', { method: 'POST' }, 404, 'INVALID_REQUEST'],
    ['the root', '/', {}, 404, 'INVALID_REQUEST'],
  ])('%s', async (_case, path, init, status, code) => {
    const answer = await readAnswer(await serve({ allowAnonymous: true }).fetch(request(path, init)));
    expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
    expect(answer.headers.get('daybook-protocol')).toBe('2');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('allow')).toBe(status === 405 ? 'POST' : null);
  });

  it('a fault on this side, of which the outside learns nothing', async () => {
    unitLog.push = () => Promise.reject(new TypeError('secret: 10.0.0.7'));
    const answer = await postUnits(serve({ allowAnonymous: true }).fetch, good);
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
    expect(log).toHaveBeenCalledWith(expect.any(String), expect.objectContaining({ message: 'secret: 10.0.0.7' }));
  });

  it('a refusal, without its causes', async () => {
    const refusal = new ForbiddenError('No.', { cause: new Error('secret'), details: { reason: 'closed' } });
    unitLog.push = () => Promise.reject(refusal);
    const answer = await postUnits(serve({ allowAnonymous: true }).fetch, good);
    expect([answer.status, answer.body.error?.details]).toEqual([403, { reason: 'closed' }]);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  });

  it('a database in trouble: try again later', async () => {
    unitLog.push = () => Promise.reject(new OperationalError('secret'));
    const answer = await postUnits(serve({ allowAnonymous: true }).fetch, good);
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(log).toHaveBeenCalledTimes(1);
  });
});

describe('with no database there', () => {
  it('pushes are answered with 503, and it is not ready', async () => {
    const pool = await createPgPool({ connectionString: 'postgres://x:y@127.0.0.1:1/z' });
    const { fetch } = serve({
      unitLog: new PostgresUnitLog({ recorder: new PostgresProcessRecorder({ pool }) }),
      allowAnonymous: true,
    });
    const answer = await postUnits(fetch, good);
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
    const ready = await readAnswer(await fetch(new Request('http://server.test/ready')));
    expect([ready.status, ready.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
    await pool.end();
  });
});

it.each([
  ['/health', 'ok'],
  ['/ready', 'ready'],
])('says at %s that it is %s, and no more', async (path, status) => {
  const answer = await readAnswer(await serve({ tokens: ['t'] }).fetch(new Request(`http://server.test${path}`)));
  expect([answer.status, answer.body]).toEqual([200, { status }]);
});

describe('pages of other origins', () => {
  const origin = 'https://stock.example';
  const options = { tokens: ['good'], corsOrigins: [origin] };

  it('may ask, and read the headers that matter, also of refusals', async () => {
    const { fetch } = serve(options);
    const preflight = await fetch(
      new Request('http://server.test/v2/push', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      }),
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-headers')).toBe(
      'authorization,content-type,content-encoding,daybook-protocol,daybook-replica,daybook-app,daybook-follows,x-request-id,traceparent,tracestate',
    );
    for (const authorization of ['Bearer good', 'Bearer bad']) {
      const { headers } = await postUnits(fetch, good, { origin, authorization });
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-expose-headers')).toBe(
        'daybook-protocol,daybook-limits,retry-after,x-request-id',
      );
    }
  });

  it('are refused when they are not on the list', async () => {
    const { headers } = await postUnits(serve(options).fetch, good, {
      origin: 'https://evil.example',
      authorization: 'Bearer good',
    });
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});
