/**
 * The command line of `daybook-server`, as a function.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { ProgrammingError } from '../../persistence/errors.js';
import { DATABASE_DIR_DEFAULT, PORT_DEFAULT } from './node-host.js';
import type { NodeHostOptions } from './node-host.js';

/** What `--help` prints. */
export const USAGE: string = `daybook-server [options]

Takes the events that replicas push, and records them in PostgreSQL.

  --port <number>         TCP port, 0 for a free one (${PORT_DEFAULT})
  --host <address>        address to listen on (127.0.0.1)
  --database-url <url>    a PostgreSQL to use; or DATABASE_URL
                          (otherwise one is started here, in the folder of --data)
  --data <folder>         where that one keeps its files (${DATABASE_DIR_DEFAULT})
  --name <application>    names the tables: <application>_events, <application>_tracking
  --token <token>         a bearer token that may push, repeatable; or DAYBOOK_TOKENS, separated by commas
  --allow-anonymous       everybody may push: for demonstrations only
  --cors <origin>         a page's origin that may push, repeatable
  --help                  this text
`;

const CLI_OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  'database-url': { type: 'string' },
  data: { type: 'string' },
  name: { type: 'string' },
  token: { type: 'string', multiple: true },
  'allow-anonymous': { type: 'boolean' },
  cors: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const;
const PORT_MAX = 65_535;

type CliValues = ReturnType<typeof parseArgs<{ options: typeof CLI_OPTIONS }>>['values'];

/**
 * Reads the command line. Options come before environment variables.
 *
 * @param args - without the program's own name
 * @returns the host's options, or `help`
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it cannot be understood
 */
export function parseCliOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): NodeHostOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  return {
    port: values.port === undefined ? undefined : toPort(values.port),
    hostname: values.host,
    databaseUrl: values['database-url'] ?? nonEmpty(environment['DATABASE_URL']),
    databaseDir: values.data,
    applicationName: values.name,
    tokens: values.token ?? splitTokens(environment['DAYBOOK_TOKENS']),
    allowAnonymous: values['allow-anonymous'],
    corsOrigins: values.cors?.map(toOrigin),
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

// Browsers send origins without a slash at the end and in lower case; another spelling would never match.
function toOrigin(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin !== 'null') return origin;
  throw new ProgrammingError(`--cors must be an origin such as https://stock.example, but is ${JSON.stringify(text)}.`);
}

function splitTokens(text: string | undefined): string[] | undefined {
  return nonEmpty(text)
    ?.split(',')
    .map((token) => token.trim());
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
