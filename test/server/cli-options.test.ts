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

  it('tells which of its arguments are secrets, and not what they are', () => {
    const shown = (line: string): string => secretsInArguments(line.split(' ')).join();
    expect(shown('--token hush --database-url postgres://u:hush@h/d')).toMatch(/--token .*--database-url/);
    expect(shown('--token hush --database-url postgres://u:hush@h/d')).not.toContain('hush');
    expect(shown('--token-file f --database-url postgres://u@h/d --port 1')).toBe('');
  });

  it('has help that names every option', () => {
    expect(parseCliOptions(['-h'], {})).toBe('help');
    for (const option of 'port host database-url data name token token-file allow-anonymous cors allow-host help'.split(
      ' ',
    )) {
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
    ['--unknown'],
    ['stray'],
    ['--token'],
  ])('refuses %s %s', (...args) => {
    expect(() => parseCliOptions(args, {})).toThrow(ProgrammingError);
  });
});
