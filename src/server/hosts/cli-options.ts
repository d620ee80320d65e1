/**
 * The command line of `daybook-server`, as a function.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ProgrammingError } from '../../persistence/errors.js';
import type { JwtOptions } from '../access/jwt-options.js';
import type { RequestLimitOptions } from '../access/limit-options.js';
import { checkOrigins } from '../cors-origins.js';
import { SEAL_KEY_BYTES_MIN } from '../log/unit-seals.js';
import { PORT_MAX } from './embedded-options.js';
import { DATABASE_DIR_DEFAULT, PORT_DEFAULT } from './host-options.js';
import type { NodeHostOptions } from './host-options.js';
import { parseSealKeys } from './seal-keys.js';

/** What `--help` prints. */
export const USAGE: string = `daybook-server [options]

Takes the events that replicas push, and records them in PostgreSQL.

  --port <number>         TCP port, 0 for a free one (${PORT_DEFAULT})
  --host <address>        address to listen on (127.0.0.1)
  --database-url <url>    a PostgreSQL to use; or DATABASE_URL
                          (otherwise one is started here, in the folder of --data)
  --data <folder>         where that one keeps its files (${DATABASE_DIR_DEFAULT})
  --name <application>    names the tables: <application>_events, <application>_tracking, daybook_<application>_units, …
  --event-index           an index of the events by their ids: each id is taken once, whichever device sends it
                          (none; what is encrypted is not in it)
  --seal-key-file <file>  keys to seal with, in base64, one a line, 32 random bytes or more each; the first one seals; or
                          DAYBOOK_SEAL_KEYS, separated by commas; the same for all servers of one database
                          (with --data one is made in that folder; otherwise none, and what the database loses,
                          devices cannot bring back)
  --tenants <where>       many tenants, each with a log of its own at /v2/t/<tenant>: schema, each in one of its own; shared,
                          all in the same tables
  --tenant <name>         one of them, repeatable; a token must say it as well (--jwt-tenant-claim)

Who may push:
  --token-file <file>     bearer tokens that may push, one a line; or DAYBOOK_TOKENS, separated by commas
  --token <token>         one such token, repeatable: for trying it out, as every user of the machine can read
                          arguments; so is a password in --database-url
  --jwks-url <url>        takes JSON Web Tokens, signed with the keys that the provider publishes there
  --jwks-file <file>      the same, with the keys in a file
  --jwt-secret-file <file>  the same, with a secret in a file; or DAYBOOK_JWT_SECRET
  --jwt-issuer <name>     who must have issued a token, repeatable; needed for --jwks-…
  --jwt-audience <name>   for whom it must be, repeatable; needed for --jwks-…
  --jwt-algorithm <name>  an algorithm that is taken, repeatable (all of public keys, or HS256)
  --jwt-subject-claim <name>  the claim that says who it is (sub)
  --jwt-tenant-claim <name>   the claim that names tenants (none)
  --allow-anonymous       everybody may push: for demonstrations only
  --cors <origin>         a page's origin that may push, repeatable, such as https://stock.example
  --allow-host <name>     a name by which it is reached, repeatable, such as stock.example
                          (any; only localhost with --allow-anonymous on an address of this machine only)

How much, for each subject; off for no limit:
  --requests-per-second <number>  in the long run, ten times as many at once (50)
  --bytes-per-minute <number>     in and out (268435456)
  --live-connections <number>     streams that are open (100)
  --trusted-proxies <number>      proxies before the server that add to X-Forwarded-For; then limits count by address
                                  for those whom no token tells apart (not known, and no limits for them)

What is seen of it: lines of JSON on the standard error, one for each request
  --quiet                 none for requests
  --log-subjects <how>    hash, plain or none (hash)
  --telemetry             traces and metrics by OpenTelemetry, with an SDK that NODE_OPTIONS=--import=… registers
  --drain-seconds <number>  how long /ready says no before it stops to listen (0)
  --help                  this text

What was refused, and what was lost and did not come back, for operators: daybook-server refused --help
`;

const CLI_OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  'database-url': { type: 'string' },
  data: { type: 'string' },
  name: { type: 'string' },
  'event-index': { type: 'boolean' },
  'seal-key-file': { type: 'string' },
  tenants: { type: 'string' },
  tenant: { type: 'string', multiple: true },
  token: { type: 'string', multiple: true },
  'token-file': { type: 'string' },
  'jwks-url': { type: 'string' },
  'jwks-file': { type: 'string' },
  'jwt-secret-file': { type: 'string' },
  'jwt-issuer': { type: 'string', multiple: true },
  'jwt-audience': { type: 'string', multiple: true },
  'jwt-algorithm': { type: 'string', multiple: true },
  'jwt-subject-claim': { type: 'string' },
  'jwt-tenant-claim': { type: 'string' },
  'allow-anonymous': { type: 'boolean' },
  cors: { type: 'string', multiple: true },
  'allow-host': { type: 'string', multiple: true },
  'requests-per-second': { type: 'string' },
  'bytes-per-minute': { type: 'string' },
  'live-connections': { type: 'string' },
  'trusted-proxies': { type: 'string' },
  quiet: { type: 'boolean' },
  'log-subjects': { type: 'string' },
  telemetry: { type: 'boolean' },
  'drain-seconds': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type CliValues = ReturnType<typeof parseArgs<{ options: typeof CLI_OPTIONS }>>['values'];
/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;
type ReadFile = (path: string) => string;

/** What the command line says: the host's options, and whether requests are logged. */
export interface CliOptions extends NodeHostOptions {
  readonly quiet?: boolean | undefined;
}

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
  environment: Environment,
  readFile: ReadFile = (path) => readFileSync(path, 'utf8'),
): CliOptions | 'help' {
  const values = parse(args);
  if (values.help === true) return 'help';
  checkOrigins('--cors', values.cors);
  return {
    port: values.port === undefined ? undefined : toPort(values.port),
    hostname: values.host,
    databaseUrl: values['database-url'] ?? nonEmpty(environment['DATABASE_URL']),
    databaseDir: values.data,
    applicationName: values.name,
    eventIndex: values['event-index'],
    sealKeys: sealKeysOf(values, environment, readFile),
    tenants: tenantsOf(values),
    tokens: tokensOf(values, readFile) ?? split(environment['DAYBOOK_TOKENS'], ','),
    jwt: jwtOf(values, environment, readFile),
    allowAnonymous: values['allow-anonymous'],
    corsOrigins: values.cors,
    allowedHosts: values['allow-host'],
    limits: limitsOf(values),
    trustedProxies: toNumber('trusted-proxies', values),
    quiet: values.quiet,
    logSubjects: values['log-subjects'] as NodeHostOptions['logSubjects'],
    telemetry: values.telemetry,
    drainMs: toMilliseconds(toNumber('drain-seconds', values)),
  };
}

function tenantsOf({ tenants, tenant }: CliValues): NodeHostOptions['tenants'] {
  if (tenants === undefined && tenant === undefined) return undefined;
  if (tenants === undefined || tenant === undefined) {
    throw new ProgrammingError('--tenants says where tenants are, and --tenant names each: both are needed.');
  }
  if (tenants !== 'schema' && tenants !== 'shared') {
    throw new ProgrammingError(`--tenants must be schema or shared, but is ${tenants}.`);
  }
  const names = new Set(tenant);
  return { place: tenants, isTenant: (name) => names.has(name) };
}

function sealKeysOf(
  values: CliValues,
  environment: Environment,
  readFile: ReadFile,
): readonly Uint8Array[] | undefined {
  const path = values['seal-key-file'];
  const variable = nonEmpty(environment['DAYBOOK_SEAL_KEYS']);
  const text = path === undefined ? variable : fileOf('seal-key-file', path, readFile);
  if (text === undefined) return undefined;
  const keys = parseSealKeys(text);
  if (keys !== undefined) return keys;
  // Not shown: one of them may be a key.
  const origin = path === undefined ? 'DAYBOOK_SEAL_KEYS' : '--seal-key-file';
  throw new ProgrammingError(
    `${origin} must be keys of ${SEAL_KEY_BYTES_MIN} random bytes or more each, in base64: openssl rand -base64 32 makes one.`,
  );
}

type JwtKeys = Pick<JwtOptions, 'jwksUrl' | 'jwks' | 'secret'>;

function jwtOf(values: CliValues, environment: Environment, readFile: ReadFile): JwtOptions | undefined {
  const keys = jwtKeysOf(values, environment, readFile);
  const rules = {
    issuer: values['jwt-issuer'],
    audience: values['jwt-audience'],
    algorithms: values['jwt-algorithm'],
    subjectClaim: values['jwt-subject-claim'],
    tenantClaim: values['jwt-tenant-claim'],
  };
  if (Object.keys(keys).length > 0) return { ...keys, ...rules };
  if (Object.values(rules).every((value) => value === undefined)) return undefined;
  throw new ProgrammingError(
    '--jwt-… say how tokens are checked, but not by which keys: give --jwks-url, for example.',
  );
}

function jwtKeysOf(values: CliValues, environment: Environment, readFile: ReadFile): JwtKeys {
  const { 'jwks-url': jwksUrl, 'jwks-file': jwksFile, 'jwt-secret-file': secretFile } = values;
  const given = {
    ...(jwksUrl === undefined ? {} : { jwksUrl }),
    ...(jwksFile === undefined ? {} : { jwks: parsedJwks(fileOf('jwks-file', jwksFile, readFile)) }),
    ...(secretFile === undefined ? {} : { secret: fileOf('jwt-secret-file', secretFile, readFile).trim() }),
  };
  // What the command line says comes before what the environment does.
  const secret = nonEmpty(environment['DAYBOOK_JWT_SECRET']);
  return Object.keys(given).length > 0 || secret === undefined ? given : { secret };
}

function parsedJwks(text: string): NonNullable<JwtOptions['jwks']> {
  try {
    // Whether it is a set of keys is seen by whoever takes it.
    return JSON.parse(text) as NonNullable<JwtOptions['jwks']>;
  } catch {
    throw new ProgrammingError('--jwks-file must be a JSON Web Key Set, but is not JSON.');
  }
}

function limitsOf(values: CliValues): RequestLimitOptions | undefined {
  const limit = (name: 'requests-per-second' | 'bytes-per-minute' | 'live-connections'): number | false | undefined =>
    values[name] === 'off' ? false : toNumber(name, values);
  const limits = {
    requestsPerSecond: limit('requests-per-second'),
    bytesPerMinute: limit('bytes-per-minute'),
    liveConnections: limit('live-connections'),
  };
  return Object.values(limits).every((value) => value === undefined) ? undefined : limits;
}

type NumberName = 'requests-per-second' | 'bytes-per-minute' | 'live-connections' | 'trusted-proxies' | 'drain-seconds';

function toNumber(name: NumberName, values: CliValues): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new ProgrammingError(`--${name} must be a whole number, but is ${JSON.stringify(text)}.`);
}

function toMilliseconds(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000;
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

function tokensOf(values: CliValues, readFile: ReadFile): string[] | undefined {
  const path = values['token-file'];
  if (path === undefined) return values.token;
  const inFile = split(fileOf('token-file', path, readFile), /\r?\n/)?.filter((token) => token !== '') ?? [];
  return [...(values.token ?? []), ...inFile];
}

function fileOf(option: string, path: string, readFile: ReadFile): string {
  try {
    return readFile(path);
  } catch (cause) {
    throw new ProgrammingError(`--${option} cannot be read: ${(cause as Error).message}`, { cause });
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
