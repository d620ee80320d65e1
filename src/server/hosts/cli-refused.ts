/**
 * `daybook-server refused …`: what did not come into a log, for operators at a command line.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { ProgrammingError } from '../../persistence/errors.js';
import { PostgresProcessRecorder } from '../../persistence/postgres/index.js';
import { toBase64 } from '../../util/base64.js';
import type { Environment } from './cli-options.js';
import { openHostTenants } from './host-tenants.js';
import { PostgresUnitLog } from '../log/postgres/postgres-unit-log.js';
import type { StoredUnitLog } from '../log/stored-unit-log.js';
import type { RefusedUnit } from '../log/unit-log.js';
import { openPool } from '../tenants/open-pool.js';
import { unitLogName } from './unit-log-name.js';

/** What `daybook-server refused --help` prints. */
export const REFUSED_USAGE: string = `daybook-server refused list [options]
daybook-server refused show|allow|discard <unit id>… [options]

What did not come into the log: what was refused when it was pushed, and what the database had lost, and devices have offered,
and did not come back. Prints a line of JSON for each unit.

  list       all of them, in the order of their ids; with events as JSON where they are that, otherwise in base64
  show       some of them
  allow      forgets that they were refused, so that whoever sends them is asked about again (not where the device has tried
             them again under another id); takes back what was lost, where it fits. Not for servers whose own code takes part
             in what is recorded (inline): they have log.allow
  discard    takes them out of the list; what was refused stays so

  --database-url <url>  the PostgreSQL of the server; or DATABASE_URL
  --name <application>  as of the server
  --schema <name>       as of the server
  --tenants <where>     as of the server: schema or shared
  --tenant <name>       the one that it is about
  --role <name>         with --tenants shared: the role that transactions take (daybook_tenant where the server has started
                        PostgreSQL itself)
  --after <unit id>     list: only those after it
  --limit <number>      list: at most so many (100)
`;

const OPTIONS = {
  'database-url': { type: 'string' },
  name: { type: 'string' },
  schema: { type: 'string' },
  tenants: { type: 'string' },
  tenant: { type: 'string' },
  role: { type: 'string' },
  after: { type: 'string' },
  limit: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const ACTIONS = ['list', 'show', 'allow', 'discard'] as const;
const LIMIT_DEFAULT = 100;
const LIMITS = {
  poolSize: 2,
  maxOverflow: 0,
  poolTimeoutMs: 10_000,
  statementTimeoutMs: 20_000,
  queryTimeoutMs: 25_000,
};
const LOCK_TIMEOUT_MS = 10_000;

/** Which tenant it is about, and where that is. */
export interface TenantCommand {
  readonly place: 'schema' | 'shared';
  readonly name: string;
  readonly role: string | undefined;
}

/** What the command line says. */
export interface RefusedCommand {
  readonly action: (typeof ACTIONS)[number];
  readonly ids: readonly string[];
  readonly databaseUrl: string;
  readonly applicationName: string | undefined;
  readonly schema: string | undefined;
  readonly tenant: TenantCommand | undefined;
  readonly after: string | undefined;
  readonly limit: number;
}

/**
 * @param args - after `refused`
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it cannot be understood
 */
export function parseRefusedCommand(args: readonly string[], environment: Environment): RefusedCommand | 'help' {
  const { values, positionals } = parsed(args);
  if (values.help === true) return 'help';
  const [action, ...ids] = positionals;
  const known = ACTIONS.find((one) => one === action);
  if (known === undefined) throw wrong(`${ACTIONS.join(', ')}: one of these is to be said`);
  if ((known === 'list') !== (ids.length === 0)) {
    throw wrong(known === 'list' ? 'list takes no ids' : `${known} takes the ids of units`);
  }
  const databaseUrl = values['database-url'] ?? environment['DATABASE_URL'];
  if (databaseUrl === undefined || databaseUrl === '') throw wrong('--database-url or DATABASE_URL is needed');
  const limit = values.limit === undefined ? LIMIT_DEFAULT : Number(values.limit);
  if (!Number.isSafeInteger(limit) || limit < 1) throw wrong('--limit must be a whole number, 1 or more');
  return {
    ...{ action: known, ids, databaseUrl, applicationName: values.name, schema: values.schema },
    ...{ tenant: tenantOf(values.tenants, values.tenant, values.role), after: values.after, limit },
  };
}

/** Does it. @param write - takes a line, without its line feed @throws as the log does */
export async function runRefused(command: RefusedCommand, write: (line: string) => void): Promise<void> {
  await withLog(command, async (log) => {
    for (const found of await answered(log, command)) write(JSON.stringify(found));
  });
}

async function answered(log: StoredUnitLog, { action, ids, after, limit }: RefusedCommand): Promise<readonly object[]> {
  if (action === 'allow') return await log.allow(ids);
  if (action === 'discard') return (await log.discardRefused(ids)).map((id) => ({ id, outcome: 'discarded' }));
  if (action === 'list') return (await log.refused({ after, limit })).map(shown);
  const found: RefusedUnit[] = [];
  for (const id of ids) {
    const one = await log.findRefused(id);
    if (one !== undefined) found.push(one);
  }
  return found.map(shown);
}

async function withLog(
  { databaseUrl, applicationName, schema, tenant }: RefusedCommand,
  work: (log: StoredUnitLog) => Promise<void>,
): Promise<void> {
  const pool = await openPool({ connectionString: databaseUrl, ...LIMITS });
  try {
    const name = unitLogName(applicationName);
    if (tenant !== undefined) {
      const { place, name: wanted, role } = tenant;
      const isTenant = (one: string): boolean => one === wanted;
      const context = { databaseUrl, pool, isEmbedded: false, applicationName, schema, name };
      const tenants = await openHostTenants({ place, isTenant, ...(role === undefined ? {} : { role }) }, context);
      try {
        await tenants.use(wanted, work);
        return;
      } finally {
        await tenants.close();
      }
    }
    const tables = {
      ...(applicationName === undefined ? {} : { applicationName }),
      ...(schema === undefined ? {} : { schema }),
    };
    const recorder = new PostgresProcessRecorder({ pool, lockTimeoutMs: LOCK_TIMEOUT_MS, ...tables });
    await work(new PostgresUnitLog({ recorder, name, ...(schema === undefined ? {} : { schema }) }));
  } finally {
    await pool.end();
  }
}

/** As JSON, with what is in the events where that is text. */
function shown({ unit, atMs, ...refused }: RefusedUnit): object {
  const events = unit?.events.map(({ state, ...event }) => ({ ...event, ...readable(state) })) ?? null;
  const said = unit === undefined ? {} : { scopes: unit.scopes, isCommutative: unit.isCommutative };
  return { ...refused, at: new Date(atMs).toISOString(), ...said, events };
}

function readable(state: Uint8Array): object {
  try {
    return { state: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(state)) as unknown };
  } catch {
    return { stateBase64: toBase64(state) };
  }
}

function tenantOf(
  where: string | undefined,
  name: string | undefined,
  role: string | undefined,
): TenantCommand | undefined {
  if (where === undefined && name === undefined && role === undefined) return undefined;
  if (name === undefined || (where !== 'schema' && where !== 'shared')) {
    throw wrong('--tenants schema or --tenants shared, and --tenant with its name, are needed together');
  }
  return { place: where, name, role };
}

function parsed(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (cause) {
    throw new ProgrammingError(`${(cause as Error).message}. See refused --help.`, { cause });
  }
}

function wrong(what: string): ProgrammingError {
  return new ProgrammingError(`${what}. See refused --help.`);
}
