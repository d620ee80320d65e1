/**
 * `daybook move-tenant`: a tenant of a synchronisation server, taken to another place by steps, each of which may be broken off
 * and run again.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { createPgPool, PostgresProcessRecorder } from '../persistence/postgres/index.js';
import { SqlReplicaStore } from '../server/access/sql-replica-store.js';
import { unitLogName } from '../server/hosts/unit-log-name.js';
import type { MoveProgress } from '../server/tenants/move-log.js';
import { PostgresTenants } from '../server/tenants/postgres-tenants.js';
import type { TenantMove, TenantPlace } from '../server/tenants/postgres-tenants.js';
import { EXIT, usageError } from './command.js';
import type { Command, CommandContext } from './command.js';

const NOTED_EVERY_ROWS = 50_000;

const USAGE = `Usage: daybook move-tenant <step> --tenant <name> [options]

Takes a tenant of a sync server from one place to another, while its devices are there:

  copy     closes the tenant's log where it is, so that devices are told to come again; copies all of it; reads both places and
           compares them. Then have the servers say the new place, and devices go on there.
  remove   removes the rows at the old place, when all of them are at the new one
  cancel   instead, before any server says the new place: removes what was copied, and opens the log again where it was
  status   says of both places: absent, open, closed (moved from here, its rows are here), removed; and the end of the log

Each may be run again when it was broken off. Says what it did, as JSON.

  --tenant <name>        which one
  --from-url <url>       the database where it is; or DAYBOOK_FROM_URL
  --from-schema <name>   its schema there (the first of the search path)
  --from-shared          its tables there are shared with other tenants
  --from-role <name>     the role that transactions take in shared tables
  --to-url, --to-schema, --to-shared, --to-role
                         the same of the new place; or DAYBOOK_TO_URL. The database must be there
  --to-partitions <n>    parts that shared tables are made in, where they are not there yet (0)
  --name <application>   of the servers: names the tables (stored_events, daybook_units)
  --units <name>         put before _units, _head, … instead of what follows from --name
  --replicas-from <url>  copy: takes along which replica is whose, from the database of the old server,
  --replicas-to <url>    to that of the new one (they stay where they are)

Ends with 0 when it is done, 1 when it could not be, 2 when the command line is wrong.`;

const PLACE_OPTIONS = ['url', 'schema', 'role'] as const;

const OPTIONS = {
  tenant: { type: 'string' },
  'from-url': { type: 'string' },
  'from-schema': { type: 'string' },
  'from-shared': { type: 'boolean' },
  'from-role': { type: 'string' },
  'to-url': { type: 'string' },
  'to-schema': { type: 'string' },
  'to-shared': { type: 'boolean' },
  'to-role': { type: 'string' },
  'to-partitions': { type: 'string' },
  name: { type: 'string' },
  units: { type: 'string' },
  'replicas-from': { type: 'string' },
  'replicas-to': { type: 'string' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

interface Job {
  readonly tenant: string;
  readonly from: TenantPlace;
  readonly to: TenantPlace;
  readonly values: Values;
  readonly context: CommandContext;
}

/** What a step did, as it is printed. */
type Step = (job: Job) => Promise<object>;

const STEPS: Readonly<Record<string, Step>> = { copy, remove, cancel, status };

/** `daybook move-tenant`. */
export const MOVE_TENANT: Command = {
  usage: USAGE,
  async run(args, context) {
    const { values, positionals } = parsed(args);
    const [name = '', ...rest] = positionals;
    const step = STEPS[name];
    if (step === undefined || rest.length > 0) {
      throw usageError(`One step is needed: ${Object.keys(STEPS).join(', ')}.`);
    }
    const { tenant } = values;
    if (tenant === undefined || tenant === '') throw usageError('--tenant is needed.');
    const [from, to] = [placeOf('from', values, context), placeOf('to', values, context)];
    replicasOf(values);
    if (name !== 'copy' && values['replicas-from'] !== undefined) throw usageError('--replicas-… go with copy only.');
    context.write(JSON.stringify(await step({ tenant, from, to, values, context })));
    return EXIT.done;
  },
};

async function copy(job: Job): Promise<object> {
  const { tenant, from, to, values, context } = job;
  // Where it is, as `move` asks for it: the servers are told by whoever runs this.
  let place = from;
  return await withTenants(
    values,
    () => place,
    async (tenants) =>
      withReplicas(values, async (replicas) =>
        tenants.move(tenant, {
          ...{ to, replicas, signal: context.signal, onProgress: noting(context) },
          placed: () => {
            place = to;
          },
        }),
      ),
  );
}

async function remove({ tenant, from, to, values }: Job): Promise<object> {
  return await withTenants(
    values,
    () => to,
    (tenants) => tenants.removeMoved(tenant, { at: from }),
  );
}

async function cancel({ tenant, from, to, values }: Job): Promise<object> {
  return await withTenants(
    values,
    () => from,
    (tenants) => tenants.cancelMove(tenant, { to }),
  );
}

async function status({ tenant, from, to, values }: Job): Promise<object> {
  return await withTenants(
    values,
    () => from,
    async (tenants) => ({ from: await tenants.standing(tenant, from), to: await tenants.standing(tenant, to) }),
  );
}

async function withTenants<T>(
  { name, units }: Values,
  place: () => TenantPlace,
  work: (tenants: PostgresTenants) => Promise<T>,
): Promise<T> {
  const named = name === undefined ? {} : { applicationName: name };
  const tenants = new PostgresTenants({ ...named, name: units ?? unitLogName(name), place });
  try {
    return await work(tenants);
  } finally {
    await tenants.close();
  }
}

async function withReplicas<T>(values: Values, work: (replicas: TenantMove['replicas']) => Promise<T>): Promise<T> {
  const urls = replicasOf(values);
  if (urls === undefined) return await work(undefined);
  const pools = await Promise.all(urls.map((connectionString) => createPgPool({ connectionString, poolSize: 1 })));
  try {
    const log = values.name?.toLowerCase();
    const [from, to] = pools.map(
      (pool) => new SqlReplicaStore({ recorder: new PostgresProcessRecorder({ pool }), log }),
    );
    await to?.createTables();
    return await work(from && to && { from, to });
  } finally {
    await Promise.all(pools.map((pool) => pool.end()));
  }
}

function replicasOf(values: Values): readonly [string, string] | undefined {
  const { 'replicas-from': from, 'replicas-to': to } = values;
  if (from === undefined && to === undefined) return undefined;
  if (from === undefined || to === undefined) throw usageError('--replicas-from goes with --replicas-to.');
  return [from, to];
}

function placeOf(side: 'from' | 'to', values: Values, { environment }: CommandContext): TenantPlace {
  const [given, schema, role] = PLACE_OPTIONS.map((option) => values[`${side}-${option}`]);
  const variable = `DAYBOOK_${side.toUpperCase()}_URL`;
  const databaseUrl = given ?? environment[variable] ?? '';
  if (databaseUrl === '') throw usageError(`--${side}-url or ${variable} is needed.`);
  const isShared = values[`${side}-shared`] === true;
  const parts = side === 'to' ? values['to-partitions'] : undefined;
  if (!isShared && (role !== undefined || parts !== undefined)) {
    throw usageError(`--${side}-role and --to-partitions go with --${side}-shared.`);
  }
  if (parts !== undefined && !/^\d{1,4}$/.test(parts)) throw usageError('--to-partitions must be a whole number.');
  const shared = {
    ...(role === undefined ? {} : { role }),
    ...(parts === undefined ? {} : { partitions: Number(parts) }),
  };
  return { databaseUrl, ...(schema === undefined ? {} : { schema }), ...(isShared ? { shared } : {}) };
}

function parsed(args: readonly string[]): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : String(error), error);
  }
}

function noting({ warn }: Pick<CommandContext, 'warn'>): (progress: MoveProgress) => void {
  let [noted, next] = ['', 0];
  return ({ phase, part, rows }) => {
    if (noted !== `${phase} ${part}`) [noted, next] = [`${phase} ${part}`, NOTED_EVERY_ROWS];
    if (rows < next) return;
    next = rows - (rows % NOTED_EVERY_ROWS) + NOTED_EVERY_ROWS;
    warn(`${phase} ${part}: ${rows} rows`);
  };
}
