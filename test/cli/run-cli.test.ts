/** What `daybook` makes of a command line. */
import { describe, expect, test } from 'vitest';
import { EXIT, usageError } from '../../src/cli/command.js';
import type { Command, ListedCommand } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands.js';
import { runCli } from '../../src/cli/run-cli.js';
import { OperationalError } from '../../src/persistence/errors.js';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function ran(
  args: readonly string[],
  run: Command['run'] = async () => Promise.resolve(EXIT.done),
): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []];
  const commands: ListedCommand[] = [
    { name: 'count', summary: 'counts', load: async () => Promise.resolve({ usage: 'Usage: daybook count', run }) },
    { name: 'never', summary: 'is not loaded', load: () => Promise.reject(new Error('It was loaded.')) },
  ];
  const code = await runCli(commands, args, {
    environment: {},
    packageFolder: '.',
    write: (line) => out.push(line),
    warn: (line) => err.push(line),
    signal: new AbortController().signal,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

describe('a command line', () => {
  test.each([[['--help']], [['-h']], [['help']]])('%j lists the commands', async (args) => {
    const { code, out, err } = await ran(args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('  count  counts');
    expect(out).toContain('  never  is not loaded');
  });

  test.each([[[]], [['cuont']], [['help', 'cuont']]])('%j is wrong, and the commands are listed', async (args) => {
    const { code, out, err } = await ran(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('  count  counts');
    if (args.length > 0) expect(err).toContain('"cuont"');
  });

  test.each([[['count', '--help']], [['count', 'a', '-h']], [['help', 'count']]])('%j is help on one', async (args) => {
    expect(await ran(args, () => Promise.reject(new Error('It ran.')))).toEqual({
      ...{ code: 0, out: 'Usage: daybook count', err: '' },
    });
  });

  test('runs a command with what follows its name, and ends as it says', async () => {
    let given: readonly string[] = [];
    const { code, out } = await ran(['count', '--from', '1'], async (args, { write }) => {
      given = args;
      write('7');
      return Promise.resolve(3);
    });
    expect({ given, code, out }).toEqual({ given: ['--from', '1'], code: 3, out: '7' });
  });

  test.each([
    ['that is wrong', usageError('Two are needed.'), 2, 'daybook count: Two are needed.\nSee daybook count --help.'],
    ['that fails', new OperationalError('No server.'), 1, 'daybook count: No server.'],
    ['that the system refuses', Object.assign(new Error('EACCES'), { code: 'EACCES' }), 1, 'daybook count: EACCES'],
  ])('of a command %s says why', async (_, error, code, err) => {
    expect(await ran(['count'], () => Promise.reject(error))).toEqual({ code, out: '', err });
  });

  test('of what nobody expected shows where it came from', async () => {
    const { code, err } = await ran(['count'], () => Promise.reject(new TypeError('undefined is not a function')));
    expect(code).toBe(1);
    expect(err).toContain('run-cli.test.ts');
  });
});

test.each(COMMANDS.map((one) => [one.name, one] as const))(
  '%s has help in lines that a terminal shows',
  async (name, one) => {
    const { usage } = await one.load();
    expect(usage).toContain(`daybook ${name}`);
    expect(usage.split('\n').filter((line) => line.length > 132)).toEqual([]);
    expect(one.summary.length).toBeLessThan(80);
  },
);
