import { describe, expect, it } from 'vitest';
import { ProgrammingError } from '../../src/persistence/errors.js';
import { parseCliOptions, USAGE } from '../../src/server/hosts/index.js';

describe('the command line of daybook-server', () => {
  it('has every option', () => {
    const line =
      '--port 0 --host 0.0.0.0 --database-url postgres://a/b --data books --name Warehouse --token a --token b ' +
      '--cors https://stock.example/ --cors http://localhost:5173';
    expect(parseCliOptions(line.split(' '), { DATABASE_URL: 'postgres://not/this', DAYBOOK_TOKENS: 'x' })).toEqual({
      port: 0,
      hostname: '0.0.0.0',
      databaseUrl: 'postgres://a/b',
      databaseDir: 'books',
      applicationName: 'Warehouse',
      tokens: ['a', 'b'],
      corsOrigins: ['https://stock.example', 'http://localhost:5173'],
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

  it('has help that names every option', () => {
    expect(parseCliOptions(['-h'], {})).toBe('help');
    for (const option of 'port host database-url data name token allow-anonymous cors help'.split(' ')) {
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
    ['--unknown'],
    ['stray'],
    ['--token'],
  ])('refuses %s %s', (...args) => {
    expect(() => parseCliOptions(args, {})).toThrow(ProgrammingError);
  });
});
