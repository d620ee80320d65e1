/** Who may, how much, and what is seen of it: by a real host, over HTTP, with PostgreSQL. */
import * as api from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { PendingUnit } from '../../src/persistence/unit.js';
import { jsonLines } from '../../src/server/hosts/json-lines.js';
import { startNodeHost } from '../../src/server/hosts/index.js';
import type { NodeHost, NodeHostOptions } from '../../src/server/hosts/index.js';
import type { RequestLine } from '../../src/server/index.js';
import { systemClock } from '../../src/util/clock.js';
import { AUDIENCE, ISSUER, jwksOf, makeKey, makeToken, startKeyServer } from '../support/jwt-issuer.js';
import type { IssuerKey, KeyServer } from '../support/jwt-issuer.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { pendingUnit, pendingUnits, postUnits } from '../support/unit-wire.js';
import type { UnitAnswer } from '../support/unit-wire.js';

const hosts: NodeHost[] = [];
let key: IssuerKey;
let other: IssuerKey;

beforeAll(async () => {
  [key, other] = await Promise.all([makeKey('one'), makeKey('two')]);
});

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

async function start(options: NodeHostOptions): Promise<NodeHost> {
  const base = { port: 0, databaseUrl: inject('pgUrl'), applicationName: uniqueName(), log: vi.fn() };
  const host = await startNodeHost({ ...base, ...options });
  hosts.push(host);
  return host;
}

const push = (
  host: NodeHost,
  token: string | undefined,
  units: Parameters<typeof postUnits>[1] = pendingUnits(1),
  headers: Record<string, string> = {},
): Promise<UnitAnswer> => {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return postUnits(fetch, units, { 'daybook-replica': crypto.randomUUID(), ...authorization, ...headers }, host.url);
};
const statusOf = (host: NodeHost, path: string): Promise<number> =>
  fetch(`${host.url}${path}`).then(({ status }) => status);
const jwtBy = ({ url }: KeyServer): NodeHostOptions['jwt'] => ({ jwksUrl: url, issuer: ISSUER, audience: AUDIENCE });

describe('a host that takes tokens of a provider', () => {
  it('asks it for its keys, binds replicas to who they say it is, and revokes them', async () => {
    await using keys = await startKeyServer([key]);
    const applicationName = uniqueName();
    const host = await start({ jwt: jwtBy(keys), applicationName });
    const [anna, bert] = await Promise.all([makeToken(key), makeToken(key, { sub: 'bert' })]);
    const units = pendingUnits(2);
    const replicaId = crypto.randomUUID();
    const of = { 'daybook-app': 'stock/1.4.2', 'daybook-replica': replicaId };
    expect((await push(host, anna, units, of)).status).toBe(200);
    expect((await push(host, bert, pendingUnits(1), of)).body).toEqual({
      error: {
        name: 'ForbiddenError',
        code: 'FORBIDDEN',
        message: expect.any(String) as string,
        details: { reason: 'replica' },
      },
    });
    expect((await push(host, bert)).status).toBe(200);
    expect((await push(host, await makeToken(other))).status).toBe(401);
    expect(keys.requests).toBe(1);
    // Another process at the same database.
    const second = await start({ jwt: jwtBy(keys), applicationName });
    expect((await push(second, bert, units, of)).status).toBe(403);
    expect(await second.replicas?.list({ subject: 'anna' })).toMatchObject([
      { replicaId, app: 'stock/1.4.2', revoked: undefined },
    ]);
    await second.replicas?.revoke({ replicaId }, 'lost in a train');
    expect((await push(second, anna, units, of)).body.error?.details).toEqual({ reason: 'revoked' });
    // Another application in it.
    expect(await (await start({ jwt: jwtBy(keys) })).replicas?.list()).toEqual([]);
  });

  it('answers 503 while it has no keys, and lets in when it has them', async () => {
    await using keys = await startKeyServer([key]);
    keys.answer = { status: 500, body: 'down' };
    const host = await start({ jwt: jwtBy(keys) });
    const token = await makeToken(key);
    expect([(await push(host, token)).status, (await push(host, token)).status]).toEqual([503, 503]);
    expect(keys.requests).toBe(1);
    keys.answer = { status: 200, body: jwksOf([key]) };
    await vi.waitFor(async () => expect((await push(host, token)).status).toBe(200), {
      timeout: 20_000,
      interval: 500,
    });
  });
});

describe('limits of a host', () => {
  const limits = { requestsPerSecond: 1 };
  const many = async (host: NodeHost, headers: Record<string, string> = {}): Promise<number[]> => {
    const units = pendingUnits(1);
    const answers = Array.from({ length: 15 }, () => push(host, undefined, units, headers));
    return (await Promise.all(answers)).map(({ status }) => status);
  };

  it('are for an address where it is known, by the connection or by what the proxies before it add', async () => {
    expect(new Set(await many(await start({ allowAnonymous: true, limits })))).toEqual(new Set([200]));
    expect(await many(await start({ allowAnonymous: true, limits, trustedProxies: 0 }))).toContain(429);
    const proxied = await start({ allowAnonymous: true, limits, trustedProxies: 1 });
    // What the sender writes itself stands before what the proxy adds.
    const from = (address: string): Record<string, string> => ({
      'x-forwarded-for': `10.9.9.${Math.random()}, ${address}`,
    });
    expect(await many(proxied, from('10.0.0.7'))).toContain(429);
    expect((await push(proxied, undefined, pendingUnits(1), from('10.0.0.8'))).status).toBe(200);
    expect((await push(proxied, undefined, pendingUnits(1), from('10.0.0.7'))).status).toBe(429);
  });

  it('are for a subject, and said in seconds', async () => {
    const tokens = ['anna', 'bert'].map((subject) => ({ token: subject, subject }));
    const host = await start({ tokens, limits });
    const units = pendingUnits(1);
    const answers = await Promise.all(Array.from({ length: 15 }, () => push(host, 'anna', units)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(refused[0]?.body.error?.code).toBe('UNAVAILABLE');
    expect((await push(host, 'bert')).status).toBe(200);
  });
});

describe('a host that is about to stop', () => {
  it('says so first, answers what comes meanwhile, and stops then', async () => {
    const host = await start({ allowAnonymous: true, drainMs: 1_500 });
    expect(await statusOf(host, '/ready')).toBe(200);
    const closing = host.close();
    expect(await statusOf(host, '/ready')).toBe(503);
    expect(await statusOf(host, '/health')).toBe(200);
    const answer = await push(host, undefined);
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    await closing;
    await expect(statusOf(host, '/health')).rejects.toThrow();
  });
});

describe('what a host lets out of its process', () => {
  const SECRETS = {
    token: 'static-token-5f2c',
    secret: 'shared-secret-of-more-than-32-bytes-9d1e',
    state: 'account number 4711-0815',
    topic: 'com.example.Secret:Patient',
    subject: 'anna@stock.example',
    password: new URL(inject('pgUrl')).password,
  };

  it('is no token, no secret, no state and no name, whatever happens', async () => {
    const output: string[] = [];
    const write = (text: string): void => void output.push(text);
    const streams = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
    const consoles = (['log', 'error', 'warn', 'info', 'debug'] as const).map((name) => vi.spyOn(console, name));
    const spans = new InMemorySpanExporter();
    api.trace.setGlobalTracerProvider(
      new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
    );
    const lines = jsonLines(write, systemClock);
    const lost = { jwt: { secret: SECRETS.secret }, tokens: [SECRETS.token] };
    const applicationName = uniqueName();
    const host = await start({
      ...{ ...lines, ...lost, applicationName, telemetry: true, trustedProxies: 0 },
      routes: () => {
        throw new Error('The routes failed.');
      },
    });
    const signer = { alg: 'HS256', privateKey: new TextEncoder().encode(SECRETS.secret) };
    const good = await makeToken(signer, { sub: SECRETS.subject });
    const expired = await makeToken(signer, { sub: SECRETS.subject, exp: 1 });
    const state = new TextEncoder().encode(SECRETS.state);
    const secret = (part: Partial<StoredEvent> = {}): PendingUnit => {
      const { originatorId } = pendingUnit().events[0]!;
      return pendingUnit({ events: [{ originatorId, originatorVersion: 1, topic: SECRETS.topic, state, ...part }] });
    };
    const request = [secret()];
    const { originatorId } = request[0]!.events[0]!;
    const statuses: number[] = [];
    for (const [token, body, headers] of [
      [good, request, { 'x-request-id': 'request-of-anna' }],
      [SECRETS.token, pendingUnits(1)],
      [good, request],
      [good, [secret({ originatorId })]],
      [expired, request],
      [`${good}x`, request],
      [good, [{ ...secret(), scopes: [`${SECRETS.state}\0`] }]],
      [good, SECRETS.state],
      [good, request, { 'x-request-id': good }],
      [good, request, { 'daybook-protocol': '9' }],
    ] as [string, Parameters<typeof postUnits>[1], Record<string, string>?][]) {
      statuses.push((await push(host, token, body, headers)).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 401, 401, 400, 400, 200, 426]);
    await fetch(`${host.url}/v2/${encodeURIComponent(SECRETS.state)}?token=${SECRETS.token}`).then((r) => r.text());
    await fetch(`${host.url}/routes`).then((r) => r.text());
    // The database refuses what it is given, and says what that was.
    await host.pool.query(`CREATE FUNCTION ${applicationName}_fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'disk' USING ERRCODE = '58030', DETAIL = convert_from(NEW.state, 'UTF8'); END $$`);
    await host.pool.query(
      `CREATE TRIGGER fail BEFORE INSERT ON ${applicationName}_events FOR EACH ROW EXECUTE FUNCTION ${applicationName}_fail()`,
    );
    expect((await push(host, good, [secret()])).status).toBe(503);
    await host.pool.end();
    expect((await push(host, good)).status).toBe(503);
    await fetch(`${host.url}/ready`).then((r) => r.text());
    await host.close();
    await vi.waitFor(() => expect(output.filter((text) => text.includes('"event":"request"'))).toHaveLength(13));
    output.push(
      ...spans
        .getFinishedSpans()
        .map(({ name, attributes, events: told, status }) => JSON.stringify({ name, attributes, told, status })),
    );
    for (const spy of [...streams, ...consoles]) output.push(JSON.stringify(spy.mock.calls));
    api.trace.disable();
    vi.restoreAllMocks();
    const requests = output
      .filter((text) => text.startsWith('{"event":"request"'))
      .map((text) => JSON.parse(text) as RequestLine);
    expect(requests[0]).toMatchObject({ requestId: 'request-of-anna', status: 200, route: '/v2/push' });
    expect(output.some((text) => text.includes('"event":"fault"'))).toBe(true);
    const all = output.join('\n');
    expect(all).toContain('daybook.transaction');
    // Statements are shown, without what is in them.
    expect(all).toMatch(/"db.query.text":"[^"]*INSERT INTO/i);
    const hidden = [
      ...Object.values(SECRETS).filter((secret) => secret !== ''),
      ...[good, expired].flatMap((token) => [token, ...token.split('.').filter((part) => part.length > 20)]),
      ...[SECRETS.state, SECRETS.subject].flatMap((text) => [
        Buffer.from(text).toString('base64').replace(/=+$/, ''),
        Buffer.from(text).toString('hex'),
        encodeURIComponent(text),
      ]),
      originatorId,
    ];
    expect(hidden.filter((secret) => all.includes(secret))).toEqual([]);
  });
});
