import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { jwtVerification } from '../../../src/server/access/jwt-verification.js';
import type { VerifyJwt } from '../../../src/server/access/jwt-verification.js';
import { checkTenant } from '../../../src/server/access/visitor.js';
import { createSyncServer, MemoryUnitLog } from '../../../src/server/index.js';
import type { JwtOptions, RequestLine } from '../../../src/server/index.js';
import { CountingClock } from '../../support/counting-clock.js';
import { AUDIENCE, ISSUER, jwksOf, makeKey, makeToken } from '../../support/jwt-issuer.js';
import type { IssuerKey } from '../../support/jwt-issuer.js';
import { postUnits } from '../../support/unit-wire.js';

const URL_OF_KEYS = 'https://id.example/jwks.json';
const SECRET = 'a secret of thirty-two bytes or more, made at random';
const log = vi.fn<(message: string, error: unknown) => void>();
let clock: CountingClock;
let key: IssuerKey;
let other: IssuerKey;

beforeAll(async () => {
  [key, other] = await Promise.all([makeKey('one'), makeKey('two')]);
});

beforeEach(() => {
  log.mockReset();
  clock = new CountingClock(Date.parse('2026-03-01T12:00:00Z'));
});

const rules = { issuer: ISSUER, audience: AUDIENCE };
const verifier = (options: JwtOptions): VerifyJwt => jwtVerification(options, { clock, log });
const local = (options: Partial<JwtOptions> = {}): VerifyJwt =>
  verifier({ ...rules, jwks: { keys: [key.jwk] }, ...options });
const token = (claims: Readonly<Record<string, unknown>> = {}, by: IssuerKey = key): Promise<string> =>
  makeToken(by, claims, clock.nowMs());
const seconds = (): number => clock.nowMs() / 1_000;
const UNAUTHORIZED = expect.objectContaining({ code: 'UNAUTHORIZED' }) as unknown;
const UNAVAILABLE = expect.objectContaining({ code: 'UNAVAILABLE' }) as unknown;

describe('a JSON Web Token', () => {
  it('says who it is, for what and for how long', async () => {
    const verify = local({ tenantClaim: ['app', 'tenants'] });
    const exp = seconds() + 60;
    const claims = { app: { tenants: ['north', 7, '', 'south'] }, scope: 'push  pull' };
    expect(await verify(await token(claims))).toEqual({
      subject: 'anna',
      tenants: ['north', 'south'],
      scopes: ['push', 'pull'],
      expiresAtMs: exp * 1_000,
    });
  });

  it('may name one tenant by a text, and the claims have other names', async () => {
    const verify = local({ tenantClaim: 'https://stock.example/tenant', subjectClaim: 'uid', scopeClaim: 'scp' });
    const claims = { sub: undefined, uid: 'bert', scp: ['push'], 'https://stock.example/tenant': 'north' };
    expect(await verify(await token(claims))).toMatchObject({ subject: 'bert', tenants: ['north'], scopes: ['push'] });
  });

  it('gives no tenant where the claim is missing, and not all of them where somebody writes a star', async () => {
    const verify = local({ tenantClaim: 'tenant' });
    const [none, star] = [await verify(await token()), await verify(await token({ tenant: '*' }))];
    for (const visitor of [none, star]) {
      expect(() => checkTenant(visitor, 'north')).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    }
    expect(none.tenants).toEqual([]);
    expect((await local()(await token())).tenants).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>]>([
    ['another issuer', { iss: 'https://evil.example' }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'books' }],
    ['no audience', { aud: undefined }],
    ['an end that is over', { exp: 1 }],
    ['no end', { exp: undefined }],
    ['a beginning that is to come', { nbf: 4_000_000_000 }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: ' ' }],
    ['a subject that is no text', { sub: 7 }],
    ['an endless subject', { sub: 'x'.repeat(501) }],
  ])('is not taken with %s', async (_case, claims) => {
    await expect(local()(await token(claims))).rejects.toEqual(UNAUTHORIZED);
  });

  it('is not taken of another key, without a signature, with another algorithm, or when it is none', async () => {
    const good = await token();
    const [header = '', body = '', signature = ''] = good.split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    // The public key as if it were a secret: the oldest trick of all.
    const confused = await makeToken(
      { alg: 'HS256', privateKey: new TextEncoder().encode(JSON.stringify(key.jwk)) },
      {},
      clock.nowMs(),
    );
    const bad = [
      await token({}, { ...other, jwk: { ...other.jwk, kid: 'one' } }),
      await token({}, other),
      none,
      confused,
      `${header}.${body}.`,
      `${header}.${Buffer.from('{"sub":"root"}').toString('base64url')}.${signature}`,
      'a.b.c',
      'opaque',
      'x'.repeat(20_000),
    ];
    for (const one of bad) await expect(local()(one)).rejects.toEqual(UNAUTHORIZED);
    expect((await local()(good)).subject).toBe('anna');
    expect(log).not.toHaveBeenCalled();
  });

  it('is taken for as long as the clocks may differ, and not longer', async () => {
    const verify = local({ clockToleranceSeconds: 10 });
    const ended = await token({ exp: seconds() - 9 });
    await verify(ended);
    clock.advance(1_000);
    await expect(verify(ended)).rejects.toEqual(UNAUTHORIZED);
  });

  it('is taken by algorithms that are allowed only', async () => {
    const rsa = await makeKey('rsa', 'PS256');
    const jwks = { keys: [key.jwk, rsa.jwk] };
    await local({ jwks })(await token({}, rsa));
    await expect(local({ jwks, algorithms: ['ES256'] })(await token({}, rsa))).rejects.toEqual(UNAUTHORIZED);
  });

  it('is checked with each of several keys, where it names none', async () => {
    const keys = await Promise.all([makeKey(undefined), makeKey(undefined), makeKey(undefined)]);
    const verify = local({ jwks: { keys: keys.map(({ jwk }) => jwk) } });
    for (const each of keys) expect((await verify(await token({}, each))).subject).toBe('anna');
    await expect(verify(await token({}, await makeKey(undefined)))).rejects.toEqual(UNAUTHORIZED);
    // Of the right key, and for somebody else.
    await expect(verify(await token({ aud: 'books' }, keys[2]))).rejects.toEqual(UNAUTHORIZED);
  });

  it('may be signed with a secret', async () => {
    const verify = verifier({ secret: SECRET, audience: AUDIENCE });
    const by = (secret: string, alg = 'HS256'): Promise<string> =>
      makeToken({ alg, privateKey: new TextEncoder().encode(secret) }, { iss: undefined }, clock.nowMs());
    expect((await verify(await by(SECRET))).subject).toBe('anna');
    await expect(verify(await by(`${SECRET}.`))).rejects.toEqual(UNAUTHORIZED);
    await expect(verify(await by(SECRET.padEnd(64), 'HS512'))).rejects.toEqual(UNAUTHORIZED);
    await expect(verify(await token())).rejects.toEqual(UNAUTHORIZED);
  });
});

describe('options that would let in the wrong ones', () => {
  it.each<[string, object]>([
    ['jwt', {}],
    ['jwt', { ...rules, jwksUrl: URL_OF_KEYS, secret: SECRET }],
    ['jwt.jwksUrl', { ...rules, jwksUrl: 'file:///keys' }],
    ['jwt.jwksUrl', { ...rules, jwksUrl: 'id.example' }],
    ['jwt.jwks', { ...rules, jwks: { keys: [] } }],
    ['jwt.jwks', { ...rules, jwks: { keys: [{}] } }],
    ['jwt.jwks', { ...rules, jwks: { keys: [{ kty: 'oct', k: 'hush' }] } }],
    ['jwt.jwks', { ...rules, jwks: { keys: [{ kty: 'EC', d: 'hush' }] } }],
    ['jwt.issuer', { jwksUrl: URL_OF_KEYS, audience: AUDIENCE }],
    ['jwt.audience', { jwksUrl: URL_OF_KEYS, issuer: ISSUER }],
    ['jwt.audience', { jwksUrl: URL_OF_KEYS, issuer: ISSUER, audience: [] }],
    ['jwt.audience', { jwksUrl: URL_OF_KEYS, issuer: ISSUER, audience: true }],
    ['jwt.algorithms', { ...rules, jwksUrl: URL_OF_KEYS, algorithms: ['HS256'] }],
    ['jwt.algorithms', { ...rules, jwksUrl: URL_OF_KEYS, algorithms: ['none'] }],
    ['jwt.algorithms', { ...rules, jwksUrl: URL_OF_KEYS, algorithms: [] }],
    ['jwt.algorithms', { secret: SECRET, algorithms: ['RS256'] }],
    ['jwt.secret', { secret: 'hush' }],
    ['jwt.secret', { secret: SECRET, algorithms: ['HS256', 'HS512'] }],
    ['jwt.secret', { secret: 7 }],
    ['jwt.clockToleranceSeconds', { secret: SECRET, clockToleranceSeconds: 601 }],
    ['jwt.subjectClaim', { secret: SECRET, subjectClaim: '' }],
    ['jwt.tenantClaim', { secret: SECRET, tenantClaim: [] }],
    ['jwt.jwksLimitMs', { ...rules, jwksUrl: URL_OF_KEYS, jwksLimitMs: 0 }],
    ['jwt.jwksStaleMs', { ...rules, jwksUrl: URL_OF_KEYS, jwksFreshMs: 10, jwksStaleMs: 9 }],
    ['jwt.fetch', { ...rules, jwksUrl: URL_OF_KEYS, fetch: 'yes' }],
  ])('are refused at the start: %s of %o', (option, jwt) => {
    const start = (): unknown => createSyncServer({ unitLog: new MemoryUnitLog(), jwt: jwt });
    expect(start).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
    expect(start).toThrow(expect.objectContaining({ details: expect.objectContaining({ option }) }));
    expect(start).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hush') }));
  });

  it('may be said in so many words: whoever issued it, for whomever', async () => {
    const verify = local({ issuer: false, audience: false });
    expect((await verify(await token({ iss: undefined, aud: undefined }))).subject).toBe('anna');
  });
});

describe('keys by their address', () => {
  const fetchKeys = vi.fn<(...request: Parameters<typeof fetch>) => Promise<Response>>();
  const remote = (options: Partial<JwtOptions> = {}): VerifyJwt =>
    verifier({ ...rules, jwksUrl: URL_OF_KEYS, fetch: fetchKeys, ...options });
  const publish = (...keys: IssuerKey[]): void => {
    fetchKeys.mockImplementation(() => Promise.resolve(new Response(jwksOf(keys))));
  };
  const away = (): void => {
    fetchKeys.mockImplementation(() => Promise.reject(new TypeError('fetch failed')));
  };

  beforeEach(() => {
    fetchKeys.mockReset();
    publish(key);
  });

  it('are asked for once, however many tokens come', async () => {
    const verify = remote();
    const good = await token();
    await Promise.all(Array.from({ length: 50 }, () => verify(good)));
    clock.advance(599_999);
    await verify(await token());
    expect(fetchKeys).toHaveBeenCalledTimes(1);
    expect(fetchKeys.mock.lastCall?.[1]).toMatchObject({ redirect: 'manual' });
    clock.advance(1);
    await verify(await token());
    expect(fetchKeys).toHaveBeenCalledTimes(2);
  });

  it('that are new are found at once, and what nobody knows is not asked for again and again', async () => {
    const verify = remote();
    await verify(await token());
    clock.advance(30_000);
    publish(key, other);
    expect((await verify(await token({}, other))).subject).toBe('anna');
    expect(fetchKeys).toHaveBeenCalledTimes(2);
    const unknown = await makeKey('nobody’s');
    for (let count = 0; count < 10; count++)
      await expect(verify(await token({}, unknown))).rejects.toEqual(UNAUTHORIZED);
    expect(fetchKeys).toHaveBeenCalledTimes(2);
    clock.advance(30_000);
    await expect(verify(await token({}, unknown))).rejects.toEqual(UNAUTHORIZED);
    expect(fetchKeys).toHaveBeenCalledTimes(3);
  });

  it.each<[string, () => Promise<Response>]>([
    ['no network', () => Promise.reject(new TypeError('fetch failed'))],
    ['an error', () => Promise.resolve(new Response('down', { status: 500 }))],
    ['a page', () => Promise.resolve(new Response('<html>'))],
    ['another thing', () => Promise.resolve(new Response('{"keys":7}'))],
    ['a redirect', () => Promise.resolve(new Response(null, { status: 302, headers: { location: '/login' } }))],
    ['far too much', () => Promise.resolve(new Response(`{"keys":[${' '.repeat(300_000)}]}`))],
  ])('that cannot be had (%s): nobody can tell, which is no bad token', async (_case, answer) => {
    fetchKeys.mockImplementation(answer);
    const verify = remote();
    await expect(verify(await token())).rejects.toEqual(UNAVAILABLE);
    expect(log).toHaveBeenCalledTimes(1);
    // Not with every request, and soon again.
    await expect(verify(await token())).rejects.toEqual(UNAVAILABLE);
    expect(fetchKeys).toHaveBeenCalledTimes(1);
    publish(key);
    clock.advance(2_000);
    expect((await verify(await token())).subject).toBe('anna');
  });

  it('that never come are not waited for', async () => {
    fetchKeys.mockImplementation(() => new Promise(() => undefined));
    const waiting = expect(remote({ jwksLimitMs: 100 })(await token())).rejects.toEqual(UNAVAILABLE);
    await vi.waitFor(() => expect(clock.openCount).toBe(1));
    clock.advance(100);
    await waiting;
  });

  it('are used while the provider is away, but not for ever; of a key that is not among them nobody can tell', async () => {
    const verify = remote({ jwksStaleMs: 3_600_000 });
    await verify(await token());
    away();
    clock.advance(3_599_999);
    expect((await verify(await token())).subject).toBe('anna');
    await expect(verify(await token({}, other))).rejects.toEqual(UNAVAILABLE);
    clock.advance(1);
    await expect(verify(await token())).rejects.toEqual(UNAVAILABLE);
    publish(other);
    clock.advance(2_000);
    // Taken back by the provider meanwhile.
    await expect(verify(await token())).rejects.toEqual(UNAUTHORIZED);
    expect((await verify(await token({}, other))).subject).toBe('anna');
  });
});

describe('a server that takes them', () => {
  const lines: RequestLine[] = [];
  const serve = (jwt: JwtOptions, tokens?: readonly string[]): ReturnType<typeof createSyncServer> =>
    createSyncServer({
      unitLog: new MemoryUnitLog(),
      jwt,
      log,
      logSubjects: 'plain',
      requestLog: (line) => lines.push(line),
      ...(tokens === undefined ? {} : { tokens }),
    });
  const push = (server: ReturnType<typeof createSyncServer>, bearer: string): ReturnType<typeof postUnits> =>
    postUnits(server.fetch, undefined, { authorization: `Bearer ${bearer}` });

  beforeEach(() => {
    lines.length = 0;
  });

  it('lets in by a good one, and tells of a bad one nothing but that', async () => {
    const server = serve({ ...rules, jwks: { keys: [key.jwk] } });
    expect((await push(server, await makeToken(key))).status).toBe(200);
    const bad = [
      await makeToken(key, { exp: 1 }),
      await makeToken(key, { aud: 'x' }),
      await makeToken(other),
      'opaque',
    ];
    const answers = await Promise.all(bad.map((one) => push(server, one)));
    for (const { status, body, headers } of answers) {
      expect([status, body.error?.code]).toEqual([401, 'UNAUTHORIZED']);
      expect(headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/);
      expect(body).toEqual(answers[0]?.body);
    }
    expect(log).not.toHaveBeenCalled();
    await vi.waitFor(() => expect(lines).toHaveLength(5));
    expect(lines.map(({ subject, code, reason }) => [subject, code, reason])).toEqual(
      expect.arrayContaining([
        ['anna', undefined, undefined],
        [undefined, 'UNAUTHORIZED', 'ERR_JWT_EXPIRED'],
        [undefined, 'UNAUTHORIZED', 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
        [undefined, 'UNAUTHORIZED', 'ERR_JWKS_NO_MATCHING_KEY'],
        [undefined, 'UNAUTHORIZED', 'ERR_JWS_INVALID'],
      ]),
    );
  });

  it('answers 503 when it cannot have the keys', async () => {
    const server = serve({
      ...rules,
      jwksUrl: URL_OF_KEYS,
      fetch: () => Promise.reject(new TypeError('fetch failed')),
    });
    const answer = await push(server, await makeToken(key));
    expect([answer.status, answer.body.error?.code]).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('may have tokens of its own beside them', async () => {
    const server = serve({ ...rules, jwks: { keys: [key.jwk] } }, ['machine']);
    const statuses = await Promise.all(
      ['machine', await makeToken(key), 'other'].map((one) => push(server, one).then(({ status }) => status)),
    );
    expect(statuses).toEqual([200, 200, 401]);
  });
});
