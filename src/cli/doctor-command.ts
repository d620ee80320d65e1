import { parseArgs } from 'node:util';
import { isEventSourcingError } from '../domain/errors.js';
import { diagnose, exitCodeOf } from '../operations/index.js';
import type { Diagnosis, Finding } from '../operations/index.js';
import { createPgPool, PostgresProcessRecorder } from '../persistence/postgres/index.js';
import type { PostgresPool } from '../persistence/postgres/index.js';
import { sqlTableName } from '../persistence/sql/sql-names.js';
import { usageError } from './command.js';
import type { Command, CommandContext } from './command.js';

// As plugins of Nagios have it: nothing is known of what was not looked at.
const EXIT_UNKNOWN = 3;
const SECONDS_DEFAULT = 30;
const SECONDS_MAX = 86_400;

const USAGE = `Usage: daybook doctor [options]

Looks at the tables of an application in PostgreSQL, and at the server: settings, versions, indexes, vacuum, transactions,
slots of replication, what makes positions unique, how far projections are, what waits in the outbox, how far the log of a
sync server is. Reads only.

  --database-url <url>   the database; or DATABASE_URL
  --name <application>   names the tables: <application>_events, <application>_tracking (stored_events, notification_tracking)
  --schema <name>        where they are (the first of the search path)
  --tenant <name>        of tables that tenants share: what is of this one
  --role <name>          takes this role for it, as the applications of tenants do (that of the address)
  --outbox <table>       of the outbox (event_outbox)
  --timeout <seconds>    for all of it (${SECONDS_DEFAULT})
  --all                  shows what is well, too
  --json                 one object: { "level": …, "findings": [ … ] }

Ends with 0 when all is well, 1 with warnings, 2 with something critical, and 3 when nothing is wrong but something could not be
seen, or when the command line is wrong: as plugins of Nagios, Icinga and Sensu do.`;

const OPTIONS = {
  'database-url': { type: 'string' },
  name: { type: 'string' },
  schema: { type: 'string' },
  tenant: { type: 'string' },
  role: { type: 'string' },
  outbox: { type: 'string' },
  timeout: { type: 'string' },
  all: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

interface DoctorLine {
  readonly databaseUrl: string;
  readonly applicationName: string | undefined;
  readonly schema: string | undefined;
  readonly tenant: string | undefined;
  readonly role: string | undefined;
  readonly outboxTable: string | undefined;
  readonly timeoutMs: number;
  readonly isAll: boolean;
  readonly isJson: boolean;
}

/** `daybook doctor`: whether a store is well, for people and for monitoring. */
export const DOCTOR: Command = {
  usage: USAGE,
  async run(args, { environment, signal, warn, write }) {
    let line: DoctorLine;
    try {
      line = parsed(args, environment);
    } catch (error) {
      // To monitoring the code of a wrong command line would say that the store is in danger.
      if (!isEventSourcingError(error)) throw error;
      warn(`daybook doctor: ${error.message}\nSee daybook doctor --help.`);
      return EXIT_UNKNOWN;
    }
    const diagnosis = await diagnosed(line, signal);
    if (line.isJson) write(JSON.stringify(diagnosis));
    else for (const text of linesOf(diagnosis, line)) write(text);
    return exitCodeOf(diagnosis);
  },
};

function parsed(args: readonly string[], environment: CommandContext['environment']): DoctorLine {
  const values = valuesOf(args);
  const databaseUrl = values['database-url'] ?? environment['DATABASE_URL'] ?? '';
  if (databaseUrl === '') throw usageError('--database-url or DATABASE_URL is needed.');
  const seconds = values.timeout === undefined ? SECONDS_DEFAULT : Number(values.timeout);
  if (!(seconds > 0 && seconds <= SECONDS_MAX)) throw usageError(`--timeout must be 1 to ${SECONDS_MAX} seconds.`);
  const line = {
    ...{ databaseUrl, applicationName: values.name, schema: values.schema, outboxTable: values.outbox },
    ...{ tenant: values.tenant, role: values.role },
    ...{ timeoutMs: seconds * 1_000, isAll: values.all === true, isJson: values.json === true },
  };
  if (line.role !== undefined && line.tenant === undefined) throw usageError('--role goes with --tenant.');
  // Names that no table can have are refused here, and not as something that the database says.
  const { dialect } = recorderOf(line, NO_POOL);
  if (line.outboxTable !== undefined) sqlTableName(line.outboxTable, line.schema, dialect);
  return line;
}

function valuesOf(args: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (cause) {
    throw usageError((cause as Error).message, cause);
  }
}

async function diagnosed(line: DoctorLine, signal: AbortSignal): Promise<Diagnosis> {
  const { databaseUrl, timeoutMs, outboxTable, schema } = line;
  // One connection, which is asked for no longer than all of it may take.
  const pool = await createPgPool({
    connectionString: databaseUrl,
    poolSize: 1,
    maxOverflow: 0,
    poolTimeoutMs: timeoutMs,
    connectTimeoutMs: timeoutMs,
    preparedStatements: false,
  });
  try {
    return await diagnose(recorderOf(line, pool), {
      ...{ timeoutMs, signal },
      ...(outboxTable === undefined ? {} : { outboxTable }),
      ...(schema === undefined ? {} : { schema }),
    });
  } finally {
    await pool.end();
  }
}

const NO_POOL: PostgresPool = {
  connect: () => Promise.reject(new Error('There is no pool.')),
  query: () => Promise.reject(new Error('There is no pool.')),
};

function recorderOf(
  { applicationName, schema, tenant, role }: Pick<DoctorLine, 'applicationName' | 'schema' | 'tenant' | 'role'>,
  pool: PostgresPool,
) {
  return new PostgresProcessRecorder({
    pool,
    ...(tenant === undefined ? {} : { shared: { tenant, ...(role === undefined ? {} : { role }) } }),
    ...(applicationName === undefined ? {} : { applicationName }),
    ...(schema === undefined ? {} : { schema }),
  });
}

/** What people read: first a line that says all, then a finding to a line, with what to do below it. */
function linesOf({ level, findings }: Diagnosis, { isAll }: Pick<DoctorLine, 'isAll'>): readonly string[] {
  const counted = (['critical', 'warning', 'unknown', 'ok'] as const)
    .map((one) => [one, findings.filter((finding) => finding.level === one).length] as const)
    .filter(([, count]) => count > 0)
    .map(([one, count]) => `${count} ${one}`);
  const shown = findings.filter((finding) => isAll || finding.level !== 'ok');
  return [`DAYBOOK ${level.toUpperCase()} - ${counted.join(', ')}`, ...shown.flatMap(linesOfFinding)];
}

function linesOfFinding({ check, level, message, advice }: Finding): readonly string[] {
  const first = `${level.toUpperCase().padEnd(WIDTH)}  ${check}: ${message}`;
  return advice === undefined ? [first] : [first, `${' '.repeat(WIDTH)}  ${advice}`];
}

const WIDTH = 'CRITICAL'.length;
