import { beforeEach, describe, expect, it, vi } from 'vitest';
import { OperationalError, ProgrammingError } from '../../../src/persistence/errors.js';
import { createSyncServer, MemoryUnitLog } from '../../../src/server/index.js';
import type { SyncServerOptions } from '../../../src/server/index.js';
import { ForbiddenError, UnauthorizedError, UnavailableError } from '../../../src/sync/protocol/index.js';
import { postUnits } from '../../support/unit-wire.js';
import type { UnitAnswer } from '../../support/unit-wire.js';

const log = vi.fn<(message: string, error: unknown) => void>();
let unitLog: MemoryUnitLog;

beforeEach(() => {
  log.mockReset();
  unitLog = new MemoryUnitLog();
});

type Verify = NonNullable<SyncServerOptions['verifyToken']>;

const push = (verifyToken: Verify, options: Partial<SyncServerOptions> = {}): Promise<UnitAnswer> => {
  const { fetch } = createSyncServer({ unitLog, log, verifyToken, ...options });
  return postUnits(fetch, undefined, { authorization: 'Bearer a.b.c' });
};
const stored = (): Promise<number> => unitLog.head();
// eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- foreign code may reject with anything
const rejected = (thrown: unknown): Promise<never> => Promise.reject(thrown);
const named = (name: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { name, ...more });

describe('the function that verifies a token', () => {
  it('lets in by true, and is given the token and the request', async () => {
    const verifyToken = vi.fn((token: string, request: Request) =>
      Promise.resolve(token === 'a.b.c' && request.url.endsWith('/v2/push')),
    );
    expect((await push(verifyToken)).status).toBe(200);
    expect(await stored()).toBe(1);
  });

  it('lets in by saying who it is', async () => {
    const requestLog = vi.fn();
    const visitor = { subject: 'anna', tenants: ['north'] as const, scopes: ['push'], expiresAtMs: 1 };
    for (const given of [visitor, { subject: 'anna', tenants: '*' as const }, { subject: 'anna' }]) {
      expect((await push(() => given, { requestLog, logSubjects: 'plain' })).status).toBe(200);
    }
    await vi.waitFor(() => expect(requestLog).toHaveBeenCalledTimes(3));
    expect(requestLog).toHaveBeenCalledWith(expect.objectContaining({ subject: 'anna' }));
    expect(log).not.toHaveBeenCalled();
  });

  it.each<[string, object]>([
    ['no subject', { subject: '' }],
    ['a subject that is no text', { subject: 7 }],
    ['tenants as a text', { subject: 'anna', tenants: 'north' }],
    ['scopes that are no texts', { subject: 'anna', scopes: [7] }],
    ['an end that is no time', { subject: 'anna', expiresAtMs: Number.NaN }],
  ])('lets nobody in by saying who it is with %s', async (_case, given) => {
    expect((await push(() => given as unknown as boolean)).status).toBe(401);
    expect(log.mock.lastCall?.[0]).toContain('nor an object that names a subject');
  });

  it('keeps out by false, which is nothing to log', async () => {
    const answer = await push(() => false);
    expect([answer.status, answer.body.error?.code]).toEqual([401, 'UNAUTHORIZED']);
    expect(log).not.toHaveBeenCalled();
  });

  it.each<[string, unknown]>([
    ['a text', 'no'],
    ['an object that says no', { valid: false }],
    ['the claims of a token', { sub: 'anna' }],
    ['1', 1],
    ['nothing', undefined],
    ['null', null],
  ])('that gives %s lets nobody in, and the log says why', async (_case, given) => {
    for (const answer of [given, Promise.resolve(given)]) {
      log.mockReset();
      const { status, body } = await push(() => answer as boolean);
      expect([status, body.error?.code]).toEqual([401, 'UNAUTHORIZED']);
      expect(log).toHaveBeenCalledTimes(1);
      expect(log.mock.lastCall?.[0]).toContain('neither true nor false');
    }
    expect(await stored()).toBe(0);
  });

  // As the libraries throw: jose, jsonwebtoken, hono/jwt, fast-jwt, firebase-admin, google-auth-library.
  it.each<[string, unknown]>([
    ['jose: expired', named('JWTExpired', '"exp" claim timestamp check failed', { code: 'ERR_JWT_EXPIRED' })],
    [
      'jose: of another key',
      named('JWSSignatureVerificationFailed', 'signature verification failed', {
        code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
      }),
    ],
    ['jose: no such key', named('JWKSNoMatchingKey', 'no applicable key found', { code: 'ERR_JWKS_NO_MATCHING_KEY' })],
    ['jsonwebtoken', named('TokenExpiredError', 'jwt expired')],
    ['hono', named('JwtTokenInvalid', 'invalid JWT token: a.b.c')],
    ['fast-jwt', named('TokenError', 'The token has expired', { code: 'FAST_JWT_EXPIRED' })],
    ['firebase-admin', named('FirebaseAuthError', 'expired', { code: 'auth/id-token-expired' })],
    ['google-auth-library', new Error('Token used too late, 1 > 0')],
    ['a fault in the function itself', new TypeError("Cannot read properties of undefined (reading 'length')")],
    ['what is no error', 'bad token'],
    ['nothing', undefined],
    ['ours', new UnauthorizedError('Signed out.')],
  ])('that throws for a bad token (%s) is answered with 401', async (_case, thrown) => {
    const answer = await push(() => rejected(thrown));
    expect([answer.status, answer.body.error?.code]).toEqual([401, 'UNAUTHORIZED']);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect(answer.headers.get('daybook-protocol')).toBe('2');
    expect(JSON.stringify(answer.body)).not.toContain('a.b.c');
    if (!(thrown instanceof UnauthorizedError)) expect(log).toHaveBeenCalledWith(expect.any(String), thrown);
    expect(await stored()).toBe(0);
  });

  it.each<[string, unknown]>([
    ['ours', new UnavailableError('The key server is away.')],
    ['a database', new OperationalError('away')],
    ['a raw database', named('error', 'terminating connection', { code: '57P01' })],
    ['no connection', named('Error', 'connect', { code: 'ECONNREFUSED' })],
    ['fetch in Node', new TypeError('fetch failed', { cause: named('Error', 'dns', { code: 'ENOTFOUND' }) })],
    ['fetch elsewhere', new TypeError('NetworkError when attempting to fetch resource.')],
    ['a time limit', new DOMException('The operation timed out.', 'TimeoutError')],
    ['an error around one', new Error('no keys', { cause: named('Error', 'x', { code: 'EAI_AGAIN' }) })],
    ['jose without its keys', named('JWKSTimeout', 'request timed out', { code: 'ERR_JWKS_TIMEOUT' })],
    ['jose with a page instead of keys', named('JOSEError', 'Expected 200 OK', { code: 'ERR_JOSE_GENERIC' })],
  ])('that cannot tell (%s) is answered with 503', async (_case, thrown) => {
    const answer = await push(() => rejected(thrown));
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(log).toHaveBeenCalledTimes(1);
    expect(await stored()).toBe(0);
  });

  it('may forbid what a good token does not allow', async () => {
    const answer = await push(() => {
      throw new ForbiddenError('Not this warehouse.');
    });
    expect([answer.status, answer.body.error?.message]).toEqual([403, 'Not this warehouse.']);
  });

  it('may be wrong in a way that only the log is told', async () => {
    const answer = await push(() => {
      throw new ProgrammingError('secret');
    });
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  });

  it('that throws an error which is its own cause is answered', async () => {
    const ring = new Error('around');
    ring.cause = ring;
    expect((await push(() => Promise.reject(ring))).status).toBe(401);
  });

  it('that never settles does not hold the request', async () => {
    const answer = await push(() => new Promise(() => undefined), { verifyTokenLimitMs: 20 });
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(log).toHaveBeenCalledTimes(1);
    expect(await stored()).toBe(0);
  });

  it('that settles late is not heard any more', async () => {
    let settle: ((good: boolean) => void) | undefined;
    let fail: ((error: Error) => void) | undefined;
    const answers = await Promise.all([
      push(() => new Promise((resolve) => (settle = resolve)), { verifyTokenLimitMs: 10 }),
      push(() => new Promise((_resolve, reject) => (fail = reject)), { verifyTokenLimitMs: 10 }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    settle?.(true);
    // An unhandled rejection would fail the run.
    fail?.(new Error('late'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(await stored()).toBe(0);
  });
});

describe('foreign code', () => {
  // Declared to return nothing, and an async function fits that wherever types are not asked.
  const rejecting = (() => Promise.reject(new Error('not my problem'))) as () => void;
  const throwing = (): never => {
    throw new Error('not my problem');
  };

  const badOnes: [string, () => void][] = [
    ['throws', throwing],
    ['rejects', rejecting],
  ];

  it.each(badOnes)('a hook that %s is reported, and the push is recorded', async (_case, onRecorded) => {
    const answer = await push(() => true, { onRecorded: onRecorded });
    expect(answer.status).toBe(200);
    await vi.waitFor(() => expect(log).toHaveBeenCalledWith(expect.stringContaining('onRecorded'), expect.any(Error)));
    expect(await stored()).toBe(1);
  });

  it.each(badOnes)('a log that %s changes no answer', async (_case, badLog) => {
    const answer = await push(() => Promise.reject(new OperationalError('away')), { log: badLog });
    expect([answer.status, answer.headers.get('daybook-protocol')]).toEqual([503, '2']);
    const odd = await push(
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- foreign code may
        throw 'what is no error';
      },
      { log: badLog },
    );
    expect(odd.status).toBe(401);
    await new Promise((resolve) => setImmediate(resolve));
  });
});
