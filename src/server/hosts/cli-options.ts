/**
 * The command line of `daybook-server`, as a function.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ProgrammingError } from '../../persistence/errors.js';
import { checkOrigins } from '../cors-origins.js';
import { PORT_MAX } from './embedded-options.js';
import { DATABASE_DIR_DEFAULT, PORT_DEFAULT } from './host-options.js';
import type { NodeHostOptions } from './host-options.js';

/** What `--help` prints. */
export const USAGE: string = `daybook-server [options]

Takes the events that replicas push, and records them in PostgreSQL.

  --port <number>         TCP port, 0 for a free one (${PORT_DEFAULT})
  --host <address>        address to listen on (127.0.0.1)
  --database-url <url>    a PostgreSQL to use; or DATABASE_URL
                          (otherwise one is started here, in the folder of --data)
  --data <folder>         where that one keeps its files (${DATABASE_DIR_DEFAULT})
  --name <application>    names the tables: <application>_events, <application>_tracking
  --token-file <file>     bearer tokens that may push, one a line; or DAYBOOK_TOKENS, separated by commas
  --token <token>         one such token, repeatable: for trying it out, as every user of the machine can read
                          arguments; so is a password in --database-url
  --allow-anonymous       everybody may push: for demonstrations only
  --cors <origin>         a page's origin that may push, repeatable, such as https://stock.example
  --allow-host <name>     a name by which it is reached, repeatable, such as stock.example
                          (any; only localhost with --allow-anonymous on an address of this machine only)
  --help                  this text
`;

const CLI_OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  'database-url': { type: 'string' },
  data: { type: 'string' },
  name: { type: 'string' },
  token: { type: 'string', multiple: true },
  'token-file': { type: 'string' },
  'allow-anonymous': { type: 'boolean' },
  cors: { type: 'string', multiple: true },
  'allow-host': { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const;

type CliValues = ReturnType<typeof parseArgs<{ options: typeof CLI_OPTIONS }>>['values'];

/**
 * Reads the command line. Options come before environment variables.
 *
 * @param args - without the program's own name
 * @param readFile - reads the file of tokens
 * @returns the host's options, or `help`
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it cannot be understood, or the file of tokens cannot be read
 */
export function parseCliOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): NodeHostOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  checkOrigins('--cors', values.cors);
  return {
    port: values.port === undefined ? undefined : toPort(values.port),
    hostname: values.host,
    databaseUrl: values['database-url'] ?? nonEmpty(environment['DATABASE_URL']),
    databaseDir: values.data,
    applicationName: values.name,
    tokens: tokensOf(values, readFile) ?? split(environment['DAYBOOK_TOKENS'], ','),
    allowAnonymous: values['allow-anonymous'],
    corsOrigins: values.cors,
    allowedHosts: values['allow-host'],
  };
}

function parse(args: readonly string[]): CliValues {
  try {
    return parseArgs({ args: [...args], options: CLI_OPTIONS }).values;
  } catch (cause) {
    throw new ProgrammingError(`${(cause as Error).message}. See --help.`, { cause });
  }
}

function toPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= PORT_MAX) return port;
  throw new ProgrammingError(`--port must be a number from 0 to ${PORT_MAX}, but is ${JSON.stringify(text)}.`);
}

function tokensOf(values: CliValues, readFile: (path: string) => string): string[] | undefined {
  const path = values['token-file'];
  if (path === undefined) return values.token;
  try {
    const inFile = split(readFile(path), /\r?\n/)?.filter((token) => token !== '') ?? [];
    return [...(values.token ?? []), ...inFile];
  } catch (cause) {
    throw new ProgrammingError(`--token-file cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Which arguments hold secrets. Every user of a machine can read the arguments of every process, and many a monitor
 * keeps them.
 */
export function secretsInArguments(args: readonly string[]): string[] {
  const values = parse(args);
  const url = values['database-url'];
  const hasPassword = url !== undefined && URL.canParse(url) && new URL(url).password !== '';
  return [
    ...(values.token === undefined ? [] : ['--token (use --token-file or DAYBOOK_TOKENS)']),
    ...(hasPassword ? ['the password in --database-url (use DATABASE_URL)'] : []),
  ];
}

function split(text: string | undefined, separator: string | RegExp): string[] | undefined {
  return nonEmpty(text)
    ?.split(separator)
    .map((token) => token.trim());
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
