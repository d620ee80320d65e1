/**
 * `daybook schema`: the tables as SQL.
 *
 * @module
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { readMigrations } from '../../migrations/folder/migration-folder.js';
import type { HasCreations } from '../../migrations/own-tables.js';
import { schemaSql } from '../../migrations/schema-sql.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { EXIT, usageError } from '../command.js';
import type { Command } from '../command.js';
import { namedTables, TABLE_NAMES } from './named-tables.js';
import { describedRecorder } from './opened-recorder.js';

const USAGE = `Usage: daybook schema [options]

Prints the SQL that makes all tables in an empty database, whole: for who creates them by hand, with rights that the program
has not. Asks no database.

  --engine <name>       postgres or sqlite (postgres)
  --tables <names>      separated by commas: ${TABLE_NAMES.slice(0, 6).join(', ')},
                        ${TABLE_NAMES.slice(6).join(', ')}; all; none (all)
  --archive             those of archives as well, which look at each event that is recorded (the first archive makes them)
  --views <module>      views of projections, and states: a module of JavaScript that exports a function
                        views(recorder), which gives a list of their SqlProjectionStore and SqlStateStore
  --name <application>  names the tables of the events: <application>_events, <application>_tracking
  --schema <name>       of PostgreSQL
  --folder <folder>     the application's migrations behind them, from this folder (none), and the ledger, which says that all
                        of it is done
  --ledger <table>      what the ledger is called (migration_ledger)`;

const OPTIONS = {
  engine: { type: 'string' },
  tables: { type: 'string' },
  name: { type: 'string' },
  schema: { type: 'string' },
  folder: { type: 'string' },
  archive: { type: 'boolean' },
  views: { type: 'string' },
  ledger: { type: 'string' },
} as const;

/** `daybook schema`. */
export const SCHEMA: Command = {
  usage: USAGE,
  async run(args, { write }) {
    const { engine = 'postgres', tables = 'all', name, schema, folder, ledger, ...more } = parsed(args);
    if (ledger !== undefined && folder === undefined) throw usageError('--ledger goes with --folder.');
    const names = { applicationName: name, schema };
    const described = await describedRecorder(engine, names);
    try {
      const { recorder } = described;
      const own = namedTables(tables, { recorder, ...names });
      const views = [
        ...(more.archive === true ? [archiveOf(recorder)] : []),
        ...(more.views === undefined ? [] : await viewsOf(more.views, recorder)),
      ];
      const applied = folder === undefined ? {} : { migrations: await readMigrations(folder), ledgerTable: ledger };
      write(schemaSql({ own, views, ...applied, schema, engine: recorder.dialect.name }).trimEnd());
    } finally {
      await described.close();
    }
    return EXIT.done;
  },
};

/** @throws a usage error when the module is not what it should be */
async function viewsOf(path: string, recorder: SqlRecorder): Promise<readonly HasCreations[]> {
  const { views } = (await import(pathToFileURL(resolve(path)).href)) as Partial<ViewsModule>;
  if (typeof views !== 'function') throw usageError(`--views: ${path} exports no function views.`);
  return await views(recorder);
}

interface ViewsModule {
  readonly views: (recorder: SqlRecorder) => readonly HasCreations[] | Promise<readonly HasCreations[]>;
}

function archiveOf({ dialect: { archive } }: SqlRecorder): HasCreations {
  if (archive === undefined) throw usageError('--archive: events of this recorder do not leave for archives.');
  return { creations: archive.createSql.map((sql) => ({ name: 'of archives', sql })) };
}

function parsed(args: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : String(error), error);
  }
}
