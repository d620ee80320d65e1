import { describe, expect, it } from 'vitest';
import { ProgrammingError } from '../../src/persistence/errors.js';
import { parseCliOptions, secretsInArguments, USAGE } from '../../src/server/hosts/cli-options.js';

describe('the command line of daybook-server', () => {
  it('has every option', () => {
    const line =
      '--port 0 --host 0.0.0.0 --database-url postgres://a/b --data books --name Warehouse --token a --token b ' +
      '--cors https://stock.example --cors http://localhost:5173 --allow-host stock.example';
    expect(parseCliOptions(line.split(' '), { DATABASE_URL: 'postgres://not/this', DAYBOOK_TOKENS: 'x' })).toEqual({
      port: 0,
      hostname: '0.0.0.0',
      databaseUrl: 'postgres://a/b',
      databaseDir: 'books',
      applicationName: 'Warehouse',
      tokens: ['a', 'b'],
      corsOrigins: ['https://stock.example', 'http://localhost:5173'],
      allowedHosts: ['stock.example'],
    });
  });

  it('takes the rest from the environment', () => {
    expect(parseCliOptions([], { DATABASE_URL: 'postgres://a/b', DAYBOOK_TOKENS: 'a, b' })).toMatchObject({
      databaseUrl: 'postgres://a/b',
      tokens: ['a', 'b'],
    });
    expect(parseCliOptions(['--allow-anonymous'], { DATABASE_URL: '', DAYBOOK_TOKENS: '' })).toEqual({
      allowAnonymous: true,
    });
  });

  it('reads tokens from a file, so that they need not be arguments', () => {
    const read = (path: string): string => (path === 'tokens' ? 'a\r\n\n b \n' : '');
    expect(parseCliOptions(['--token-file', 'tokens'], { DAYBOOK_TOKENS: 'x' }, read)).toMatchObject({
      tokens: ['a', 'b'],
    });
    // An empty file lets nobody in, instead of whoever the environment names.
    expect(parseCliOptions(['--token-file', 'empty'], { DAYBOOK_TOKENS: 'x' }, read)).toMatchObject({ tokens: [] });
  });

  it('takes keys to seal with from a file or the environment, and shows none', () => {
    const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(40, 250)];
    const read = (path: string): string =>
      path === 'keys' ? `${one.toString('base64')}\n${other.toString('base64url')}\n` : 'secret';
    const DAYBOOK_SEAL_KEYS = `${other.toString('base64')},${one.toString('base64')}`;
    const keysOf = (args: string[], environment = {}): unknown => {
      const options = parseCliOptions(args, environment, read);
      return options === 'help' ? options : options.sealKeys?.map((key) => [...key]);
    };
    expect(keysOf(['--seal-key-file', 'keys'], { DAYBOOK_SEAL_KEYS })).toEqual([[...one], [...other]]);
    expect(keysOf([], { DAYBOOK_SEAL_KEYS })).toEqual([[...other], [...one]]);
    expect(keysOf([], { DAYBOOK_SEAL_KEYS: '' })).toBeUndefined();
    for (const DAYBOOK_SEAL_KEYS of ['c2VjcmV0', 'not base64!', `${one.toString('base64')},c2VjcmV0`]) {
      expect(() => keysOf([], { DAYBOOK_SEAL_KEYS })).toThrow(/^DAYBOOK_SEAL_KEYS must be keys of 32 .+openssl/);
    }
    expect(() => keysOf(['--seal-key-file', 'other'])).toThrow(/^(?!.*secret)--seal-key-file must/);
  });

  it('takes tokens of a provider, by its keys or a secret', () => {
    const read = (path: string): string => (path === 'keys' ? '{"keys":[{"kty":"EC"}]}' : ' a secret \n');
    const line =
      '--jwks-url https://id.example/keys --jwt-issuer https://id.example --jwt-audience stock --jwt-audience books ' +
      '--jwt-algorithm ES256 --jwt-subject-claim uid --jwt-tenant-claim tenant';
    expect(parseCliOptions(line.split(' '), { DAYBOOK_JWT_SECRET: 'not this' })).toMatchObject({
      jwt: {
        jwksUrl: 'https://id.example/keys',
        issuer: ['https://id.example'],
        audience: ['stock', 'books'],
        algorithms: ['ES256'],
        subjectClaim: 'uid',
        tenantClaim: 'tenant',
      },
    });
    const jwtOf = (args: string, environment: Record<string, string> = {}): unknown => {
      const options = parseCliOptions(args === '' ? [] : args.split(' '), environment, read);
      return options === 'help' ? options : options.jwt;
    };
    expect(jwtOf('--jwks-file keys')).toEqual({ jwks: { keys: [{ kty: 'EC' }] } });
    expect(jwtOf('--jwt-secret-file secret', { DAYBOOK_JWT_SECRET: 'not this' })).toEqual({ secret: 'a secret' });
    expect(jwtOf('', { DAYBOOK_JWT_SECRET: 'a secret' })).toEqual({ secret: 'a secret' });
    expect(jwtOf('', { DAYBOOK_JWT_SECRET: '' })).toBeUndefined();
    // How to check, and not by which keys.
    expect(() => jwtOf('--jwt-issuer https://id.example')).toThrow(ProgrammingError);
    expect(() => jwtOf('--jwks-file secret')).toThrow(ProgrammingError);
  });

  it('takes limits, what is seen, and how it stops', () => {
    const line =
      '--requests-per-second 5 --bytes-per-minute off --live-connections 7 --trusted-proxies 1 --quiet ' +
      '--log-subjects none --telemetry --drain-seconds 5';
    expect(parseCliOptions(line.split(' '), {})).toMatchObject({
      limits: { requestsPerSecond: 5, bytesPerMinute: false, liveConnections: 7 },
      trustedProxies: 1,
      quiet: true,
      logSubjects: 'none',
      telemetry: true,
      drainMs: 5_000,
    });
    expect(parseCliOptions([], {})).toMatchObject({ limits: undefined, drainMs: undefined });
  });

  it('tells which of its arguments are secrets, and not what they are', () => {
    const shown = (line: string): string => secretsInArguments(line.split(' ')).join();
    expect(shown('--token hush --database-url postgres://u:hush@h/d')).toMatch(/--token .*--database-url/);
    expect(shown('--token hush --database-url postgres://u:hush@h/d')).not.toContain('hush');
    expect(shown('--token-file f --database-url postgres://u@h/d --port 1')).toBe('');
  });

  it('has help that names every option', () => {
    expect(parseCliOptions(['-h'], {})).toBe('help');
    const all =
      'port host database-url data name event-index token token-file jwks-url jwks-file jwt-secret-file jwt-issuer jwt-audience ' +
      'jwt-algorithm jwt-subject-claim jwt-tenant-claim allow-anonymous cors allow-host requests-per-second ' +
      'bytes-per-minute live-connections trusted-proxies quiet log-subjects telemetry drain-seconds help';
    for (const option of all.split(' ')) {
      expect(USAGE).toContain(`--${option}`);
    }
  });

  it.each([
    ['--port', 'many'],
    ['--port', '65536'],
    ['--port', '-1'],
    ['--port', ''],
    ['--cors', 'stock.example'],
    ['--cors', '*'],
    ['--cors', 'https://stock.example/'],
    ['--token-file', '/nowhere/tokens'],
    ['--requests-per-second', 'many'],
    ['--bytes-per-minute', '-1'],
    ['--trusted-proxies', 'off'],
    ['--drain-seconds', '1.5'],
    ['--jwks-file', '/nowhere/keys'],
    ['--jwt-secret-file', '/nowhere/secret'],
    ['--unknown'],
    ['stray'],
    ['--token'],
  ])('refuses %s %s', (...args) => {
    expect(() => parseCliOptions(args, {})).toThrow(ProgrammingError);
  });
});
