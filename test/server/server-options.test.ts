import { describe, expect, it, vi } from 'vitest';
import type { ProgrammingError } from '../../src/persistence/errors.js';
import { startEmbeddedPostgres, startNodeHost } from '../../src/server/hosts/index.js';
import { createSyncServer, MemoryUnitLog } from '../../src/server/index.js';

const unitLog = new MemoryUnitLog();

function refusalOf(options: object): ProgrammingError {
  try {
    createSyncServer({ unitLog, log: vi.fn(), ...options });
  } catch (error) {
    return error as ProgrammingError;
  }
  throw new Error('taken');
}

describe('a sync server is refused at its start', () => {
  it.each<[string, object]>([
    ['a token of a variable that is not set', { tokens: [undefined] }],
    ['the same, in a text', { tokens: [String(undefined)] }],
    ['null', { tokens: ['good', null] }],
    ['null, in a text', { tokens: ['null'] }],
    ['a number', { tokens: [7] }],
    ['one text instead of a list', { tokens: 'secret-token' }],
    ['a token with a line break', { tokens: ['secret-token\n'] }],
    ['a token of nobody', { tokens: [{ token: 'secret-token', subject: '' }] }],
    ['a subject without a token', { tokens: [{ subject: 'anna' }] }],
    ['tenants that are none', { tokens: [{ token: 'secret-token', subject: 'anna', tenants: 'north' }] }],
  ])('with %s for a token', (_case, options) => {
    const error = refusalOf(options);
    expect([error.code, error.details]).toEqual(['PROGRAMMING_ERROR', { option: 'tokens' }]);
    expect(error.message).not.toContain('secret-token');
  });

  it.each<[string, object]>([
    ['verifyToken', { verifyToken: 'yes' }],
    ['verifyToken', { verifyToken: null }],
    ['allowAnonymous', { allowAnonymous: 'false' }],
    ['allowAnonymous', { allowAnonymous: 1 }],
    ['verifyTokenLimitMs', { verifyToken: () => true, verifyTokenLimitMs: 0 }],
    ['verifyTokenLimitMs', { verifyToken: () => true, verifyTokenLimitMs: 2 ** 31 }],
    ['verifyTokenLimitMs', { verifyToken: () => true, verifyTokenLimitMs: Number.NaN }],
    ['onRecorded', { allowAnonymous: true, onRecorded: {} }],
    ['log', { allowAnonymous: true, log: console }],
    ['clientAddress', { allowAnonymous: true, clientAddress: '10.0.0.7' }],
    ['poolStats', { allowAnonymous: true, poolStats: {} }],
    ['replicas', { allowAnonymous: true, replicas: true }],
    ['closing', { allowAnonymous: true, closing: true }],
    ['limits', { allowAnonymous: true, limits: true }],
    ['limits.requestsPerSecond', { allowAnonymous: true, limits: { requestsPerSecond: Number.NaN } }],
    ['unitLog', { allowAnonymous: true, unitLog: undefined }],
    ['unitLog', { allowAnonymous: true, unitLog: null }],
    ['unitLog', { allowAnonymous: true, unitLog: { push: () => undefined } }],
    ['probe', { allowAnonymous: true, probe: true }],
    ['listen', { allowAnonymous: true, listen: true }],
    ['authorizePush', { allowAnonymous: true, authorizePush: true }],
    ['authorizePull', { allowAnonymous: true, authorizePull: {} }],
    ['authorizeLimitMs', { allowAnonymous: true, authorizeLimitMs: 0 }],
    ['syncLimits', { allowAnonymous: true, syncLimits: 7 }],
    ['syncLimits.events', { allowAnonymous: true, syncLimits: { events: 199 } }],
  ])('with another %s: %o', (option, options) => {
    const error = refusalOf(options);
    expect([error.code, error.details]).toMatchObject(['PROGRAMMING_ERROR', { option }]);
  });
});

describe('origins', () => {
  const refused = (corsOrigins: unknown): ProgrammingError => refusalOf({ allowAnonymous: true, corsOrigins });

  it.each([
    ['https://stock.example/', 'https://stock.example'],
    ['https://stock.example/app', 'https://stock.example'],
    ['https://Stock.Example', 'https://stock.example'],
    ['HTTPS://stock.example', 'https://stock.example'],
    ['https://stock.example:443', 'https://stock.example'],
    ['http://stock.example:80', 'http://stock.example'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['https://user@stock.example', 'https://stock.example'],
  ])('%s would never match, and the error says what does', (origin, sent) => {
    const error = refused([origin]);
    expect([error.code, error.details]).toMatchObject(['PROGRAMMING_ERROR', { option: 'corsOrigins' }]);
    expect(error.message).toContain(`: ${sent}, but`);
  });

  it.each<unknown>(['*', 'https://*.example', 'null', '', 'stock.example', 'localhost:5173', 'file:///', undefined, 7])(
    '%s is none, or everybody’s',
    (origin) => {
      expect(refused(['https://good.example', origin])).toMatchObject({ code: 'PROGRAMMING_ERROR' });
    },
  );

  it('come in a list', () => {
    expect(refused('https://stock.example')).toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  it.each([
    'https://stock.example',
    'http://localhost:5173',
    'http://127.0.0.1:4173',
    'http://[::1]:4173',
    'capacitor://localhost',
    'chrome-extension://abcdefghijklmnop',
  ])('%s is one', async (origin) => {
    const { fetch } = createSyncServer({ unitLog, allowAnonymous: true, corsOrigins: [origin] });
    const answer = await fetch(new Request('http://server.test/health', { headers: { origin } }));
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
  });
});

describe('a host is refused before anything is started', () => {
  // No database is there, and its folder cannot be made: whoever gets that far says something else.
  const base = { allowAnonymous: true, databaseDir: '/proc/nowhere/daybook' };

  it.each<[string, object]>([
    ['port', { port: -1 }],
    ['port', { port: 65_536 }],
    ['port', { port: 80.5 }],
    ['port', { port: '8787' }],
    ['hostname', { hostname: '' }],
    ['hostname', { hostname: 7 }],
    ['replicas', { replicas: 'no' }],
    ['drainMs', { drainMs: -1 }],
    ['trustedProxies', { trustedProxies: 11 }],
    ['trustedProxies', { trustedProxies: 0, clientAddress: () => 'x' }],
    ['telemetry', { telemetry: {} }],
    ['closeLimitMs', { closeLimitMs: -1 }],
    ['closeLimitMs', { closeLimitMs: Infinity }],
    ['closeLimitMs', { closeLimitMs: Number.NaN }],
    ['routes', { routes: {} }],
    ['sealKeys', { sealKeys: [] }],
    ['authorizePush', { authorizePush: true }],
    ['syncLimits.events', { syncLimits: { events: 1 } }],
    ['inline', { inline: { participants: [], decode: () => undefined } }],
    ['snapshots', { snapshots: { select: () => undefined } }],
    ['allowedHosts', { allowedHosts: ['https://stock.example'] }],
    ['allowedHosts', { allowedHosts: ['stock.example:8787'] }],
    ['allowedHosts', { allowedHosts: ['*'] }],
    ['allowedHosts', { allowedHosts: 'stock.example' }],
    ['databaseUrl', { databaseUrl: '' }],
    ['databaseUrl', { databaseUrl: 'mysql://u:secret@h/db' }],
    ['databaseUrl', { databaseUrl: 'postgres://u:secret#x@h/db' }],
    ['databaseDir', { databaseDir: '' }],
    ['schema', { schema: 7 }],
    ['poolSize', { pool: { poolSize: -1 } }],
    ['poolSize', { pool: { poolSize: 2.5 } }],
    ['maxOverflow', { pool: { maxOverflow: Number.NaN } }],
    ['poolSize and maxOverflow', { pool: { poolSize: 0, maxOverflow: 0 } }],
    ['port of the embedded PostgreSQL', { embedded: { port: 0 } }],
    ['postgresFlags', { embedded: { postgresFlags: '-c fsync=off' } }],
    ['initdbFlags', { embedded: { initdbFlags: [undefined] } }],
    ['corsOrigins', { corsOrigins: ['*'] }],
    ['tokens', { allowAnonymous: undefined, tokens: [undefined] }],
  ])('with another %s: %o', async (option, options) => {
    const error = await startNodeHost({ ...base, ...options }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PROGRAMMING_ERROR', details: { option } });
    expect((error as Error).message).not.toContain('secret');
  });

  it('with a name that PostgreSQL cannot have', async () => {
    const refused = startNodeHost({ ...base, applicationName: 'x'.repeat(80) });
    await expect(refused).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });

  it('with options of PostgreSQL that it cannot have, when it is started by itself', async () => {
    const refused = startEmbeddedPostgres({ databaseDir: base.databaseDir, port: 70_000 });
    await expect(refused).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});
