/**
 * `daybook migrate`: numbered migrations of a folder, and Daybook's own tables, at a command line.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { createMigration, readMigrations } from '../../migrations/folder/migration-folder.js';
import { Migrator } from '../../migrations/migrator.js';
import type { MigrationDone } from '../../migrations/migration-run.js';
import type { MigrationPlan, MigratorStatus } from '../../migrations/migrator-options.js';
import { EXIT, usageError } from '../command.js';
import type { Command, CommandContext } from '../command.js';
import { namedTables, TABLE_NAMES } from './named-tables.js';
import { openRecorder } from './opened-recorder.js';

/** How `daybook migrate status --check` ends where there is something to do. */
export const EXIT_NOT_CURRENT = 3;
const FOLDER_DEFAULT = 'migrations';
const TABLES_DEFAULT = 'events';

const USAGE = `Usage: daybook migrate <action> [options]

  up                 makes what is missing of Daybook's tables, and applies the migrations that are pending
  down               takes the last one back; with --to, all after a version
  status             says what is applied and what is not; with --check it ends with ${EXIT_NOT_CURRENT} where up has something to do
  plan               prints the SQL that up would run, or down with --down; changes nothing
  create <name>      makes the two files of a new migration
  accept <version>   takes the text that a migration has now for what was applied: where a comment has changed
  resolve <version> applied|reverted
                     says what became of one that was broken off outside of a transaction

Migrations are files of a folder: 0001_orders.up.sql, and 0001_orders.down.sql where there is a way back. Each is a transaction;
with a line "-- daybook: no-transaction" above its statements it is run outside of any (PostgreSQL only). However many start
at once, each is carried out once.

  --database-url <url>  postgresql://…, sqlite:///./app.db, sqlite:////var/lib/app.db; or DATABASE_URL
  --folder <folder>     where the files are (${FOLDER_DEFAULT})
  --tables <names>      Daybook's tables, separated by commas: ${TABLE_NAMES.slice(0, 6).join(', ')},
                        ${TABLE_NAMES.slice(6).join(', ')}; all; none (${TABLES_DEFAULT})
  --name <application>  names the tables of the events: <application>_events, <application>_tracking
  --schema <name>       of PostgreSQL; it must exist
  --to <version>        up: the last one that is applied; down: the last one that stays, 0 for none
  --out-of-order        up: applies those, too, that come below what is applied
  --lose-data           down: may lose data
  --down                plan: of down
  --check               status: for scripts
  --json                status, plan, up, down: as JSON
  --ledger <table>      where is written down what was applied (migration_ledger)
  --wait-seconds <n>    for another process that migrates (600)

Ends with 0 when it is done, 1 when it could not be, 2 when the command line is wrong.`;

const OPTIONS = {
  'database-url': { type: 'string' },
  folder: { type: 'string' },
  tables: { type: 'string' },
  name: { type: 'string' },
  schema: { type: 'string' },
  to: { type: 'string' },
  'out-of-order': { type: 'boolean' },
  'lose-data': { type: 'boolean' },
  down: { type: 'boolean' },
  check: { type: 'boolean' },
  json: { type: 'boolean' },
  ledger: { type: 'string' },
  'wait-seconds': { type: 'string' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];
type Action = (job: Job) => Promise<number>;

interface Job {
  readonly migrator: Migrator;
  readonly values: Values;
  readonly rest: readonly string[];
  readonly context: CommandContext;
}

/** Each action, with how many arguments it has and which options it knows beside those of all. */
const ACTIONS: Readonly<
  Record<string, { readonly args: number; readonly options: readonly (keyof Values)[]; readonly run: Action }>
> = {
  up: { args: 0, options: ['to', 'out-of-order', 'json'], run: up },
  down: { args: 0, options: ['to', 'lose-data', 'json'], run: down },
  status: { args: 0, options: ['check', 'json'], run: status },
  plan: { args: 0, options: ['to', 'out-of-order', 'lose-data', 'down', 'json'], run: plan },
  accept: { args: 1, options: [], run: accept },
  resolve: { args: 2, options: [], run: resolve },
};
const OF_ALL = ['database-url', 'folder', 'tables', 'name', 'schema', 'ledger', 'wait-seconds'];

/** `daybook migrate`. */
export const MIGRATE: Command = {
  usage: USAGE,
  async run(args, context) {
    const { values, positionals } = parsed(args);
    const [name = '', ...rest] = positionals;
    if (name === 'create') return await create(rest, values, context);
    const action = ACTIONS[name];
    if (rest.length !== action?.args) {
      throw usageError(`One of ${Object.keys(ACTIONS).join(', ')} or create is needed, with its arguments.`);
    }
    const idle = Object.keys(values).find((key) => ![...OF_ALL, ...action.options].includes(key));
    if (idle !== undefined) throw usageError(`--${idle} means nothing with ${name}.`);
    return await withMigrator(values, context, (migrator) => action.run({ migrator, values, rest, context }));
  },
};

async function withMigrator(
  values: Values,
  { environment }: CommandContext,
  work: (migrator: Migrator) => Promise<number>,
): Promise<number> {
  const address = values['database-url'] ?? environment['DATABASE_URL'];
  if (address === undefined || address === '') throw usageError('--database-url or DATABASE_URL is needed.');
  const waitMs =
    values['wait-seconds'] === undefined ? undefined : wholeNumber('wait-seconds', values['wait-seconds']) * 1_000;
  const names = { applicationName: values.name, schema: values.schema };
  const opened = await openRecorder(address, names);
  try {
    const { recorder } = opened;
    const migrations = await readMigrations(values.folder ?? FOLDER_DEFAULT);
    const own = namedTables(values.tables ?? TABLES_DEFAULT, { recorder, ...names });
    const { schema, ledger: ledgerTable } = values;
    return await work(new Migrator({ recorder, migrations, own, schema, ledgerTable, waitMs }));
  } finally {
    await opened.close();
  }
}

async function up({ migrator, values, context }: Job): Promise<number> {
  const { to, 'out-of-order': allowOutOfOrder } = values;
  const options = { ...toOf(to), allowOutOfOrder, signal: context.signal };
  return said(await migrator.up(options), values, context);
}

async function down({ migrator, values, context }: Job): Promise<number> {
  const { to, 'lose-data': mayLoseData } = values;
  return said(await migrator.down({ ...toOf(to), mayLoseData, signal: context.signal }), values, context);
}

function said(done: readonly MigrationDone[], { json }: Values, { write }: CommandContext): number {
  if (json === true) write(JSON.stringify(done));
  else if (done.length === 0) write('Nothing was to be done.');
  else for (const one of done) write(`${one.direction} ${one.version} ${one.name} in ${one.durationMs} ms`);
  return EXIT.done;
}

async function status({ migrator, values, context }: Job): Promise<number> {
  const found = await migrator.status();
  if (values.json === true) context.write(JSON.stringify(found));
  else for (const line of linesOf(found)) context.write(line);
  return values.check === true && !found.isCurrent ? EXIT_NOT_CURRENT : EXIT.done;
}

function linesOf({ own, migrations }: MigratorStatus): readonly string[] {
  return [
    ...own.map(({ table, steps, missing }) =>
      missing.length === 0
        ? `daybook  ${table}: there`
        : `daybook  ${table}: ${missing.length} of ${steps} steps missing`,
    ),
    ...migrations.map(({ version, name, state, appliedAt, hasDown }) =>
      [`${version}  ${name}: ${state}`, appliedAt?.toISOString(), hasDown ? undefined : 'no way back']
        .filter((part) => part !== undefined)
        .join('  '),
    ),
  ];
}

async function plan({ migrator, values, context }: Job): Promise<number> {
  const { to, 'out-of-order': allowOutOfOrder, 'lose-data': mayLoseData } = values;
  const found =
    values.down === true
      ? await migrator.plan({ direction: 'down', ...toOf(to), mayLoseData })
      : await migrator.plan({ ...toOf(to), allowOutOfOrder });
  if (values.json === true) context.write(JSON.stringify(found));
  else for (const line of sqlOf(found)) context.write(line);
  return EXIT.done;
}

function sqlOf({ own, migrations }: MigrationPlan): readonly string[] {
  const parts = [
    ...own.map(({ table, statements }) => ({ head: `-- Daybook's own: ${table}`, statements })),
    ...migrations.map(({ version, name, direction, isTransactional, statements }) => ({
      head: `-- ${direction} ${version} ${name}, in ${isTransactional ? 'a' : 'no'} transaction`,
      statements,
    })),
  ];
  if (parts.length === 0) return ['-- Nothing is to be done.'];
  return parts.flatMap(({ head, statements }) => [head, ...statements.map((text) => `${text};`), '']);
}

async function accept({ migrator, rest: [version = ''] }: Job): Promise<number> {
  await migrator.accept(wholeNumber('version', version));
  return EXIT.done;
}

async function resolve({ migrator, rest: [version = '', outcome = ''] }: Job): Promise<number> {
  if (outcome !== 'applied' && outcome !== 'reverted')
    throw usageError('resolve takes a version, and applied or reverted.');
  await migrator.resolve(wholeNumber('version', version), outcome);
  return EXIT.done;
}

async function create(rest: readonly string[], values: Values, { write }: CommandContext): Promise<number> {
  const [name] = rest;
  if (name === undefined || rest.length > 1) throw usageError('create takes one name.');
  const idle = Object.keys(values).find((key) => key !== 'folder');
  if (idle !== undefined) throw usageError(`--${idle} means nothing with create.`);
  for (const path of await createMigration(values.folder ?? FOLDER_DEFAULT, name)) write(path);
  return EXIT.done;
}

function parsed(args: readonly string[]): { readonly values: Values; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : String(error), error);
  }
}

function toOf(to: string | undefined): { readonly to?: number } {
  return to === undefined ? {} : { to: wholeNumber('to', to) };
}

function wholeNumber(what: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usageError(`${what} must be a whole number, but is "${text}".`);
}
