/**
 * `daybook schema`: the tables as SQL.
 *
 * @module
 */
import { parseArgs } from 'node:util';
import { readMigrations } from '../../migrations/folder/migration-folder.js';
import { schemaSql } from '../../migrations/schema-sql.js';
import { EXIT, usageError } from '../command.js';
import type { Command } from '../command.js';
import { namedTables, TABLE_NAMES } from './named-tables.js';
import { describedRecorder } from './opened-recorder.js';

const USAGE = `Usage: daybook schema [options]

Prints the SQL that makes all tables in an empty database, whole: for who creates them by hand, with rights that the program
has not. Asks no database.

  --engine <name>       postgres or sqlite (postgres)
  --tables <names>      separated by commas: ${TABLE_NAMES.slice(0, 6).join(', ')},
                        ${TABLE_NAMES.slice(6).join(', ')}; all (all)
  --name <application>  names the tables of the events: <application>_events, <application>_tracking
  --schema <name>       of PostgreSQL
  --folder <folder>     the application's migrations behind them, from this folder (none)`;

const OPTIONS = {
  engine: { type: 'string' },
  tables: { type: 'string' },
  name: { type: 'string' },
  schema: { type: 'string' },
  folder: { type: 'string' },
} as const;

/** `daybook schema`. */
export const SCHEMA: Command = {
  usage: USAGE,
  async run(args, { write }) {
    const { engine = 'postgres', tables = 'all', name, schema, folder } = parsed(args);
    const names = { applicationName: name, schema };
    const described = await describedRecorder(engine, names);
    try {
      const own = namedTables(tables, { recorder: described.recorder, ...names });
      const migrations = folder === undefined ? [] : await readMigrations(folder);
      write(schemaSql({ own, migrations }).trimEnd());
    } finally {
      await described.close();
    }
    return EXIT.done;
  },
};

function parsed(args: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values;
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : String(error), error);
  }
}
