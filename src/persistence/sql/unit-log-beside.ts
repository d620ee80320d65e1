/**
 * Whether a synchronisation server's log stands on the events of a recorder.
 *
 * Of the log's tables the first names it among all that is kept beside events (`log-owner.ts`), and a head is beside it.
 *
 * @module
 */
import { logName, OWNERS_TABLE } from './log-owner.js';
import type { SqlRecorder } from './sql-recorder.js';

const UNITS = '_units';
const HEAD = '_head';
// Where units that are refused are is each engine's own.
const ENDINGS = {
  postgres: [UNITS, HEAD, '_gaps', '_set_aside', '_refused'],
  sqlite: [UNITS, HEAD, '_gaps', '_set_aside', '_rejected'],
};

// In every schema: a log may have its tables in another one than the events.
const OWNERS_SQL = `SELECT quote_ident(space.nspname) AS space FROM pg_class relation
  JOIN pg_namespace space ON space.oid = relation.relnamespace
  WHERE relation.relname = '${OWNERS_TABLE}' AND has_table_privilege(relation.oid, 'SELECT')`;

// A device has units too, without a head of its own.
const SQLITE_SQL = `SELECT substr(u.name, 1, length(u.name) - ${UNITS.length}) AS name FROM sqlite_schema AS u
  JOIN sqlite_schema AS h ON h.type = 'table' AND h.name = substr(u.name, 1, length(u.name) - ${UNITS.length}) || '${HEAD}'
  WHERE u.type = 'table' AND substr(u.name, -${UNITS.length}) = '${UNITS}'
    AND EXISTS (SELECT 1 FROM pragma_table_info(u.name) AS c WHERE c.name = 'chain')`;

/** Whether there is one. */
export async function hasUnitLog(recorder: SqlRecorder): Promise<boolean> {
  return (await unitLogBeside(recorder)) !== undefined;
}

/** The tables of a log that stands on events. */
export interface UnitLogBeside {
  /** What their names begin with. */
  readonly name: string;
  /** As SQL. */
  readonly units: string;
  /** As SQL. */
  readonly head: string;
  /** As SQL. */
  readonly setAside: string;
  /** All of them, as SQL. */
  readonly tables: readonly string[];
}

/** The log that stands on these events; `undefined` where there is none. A database of SQLite has one log. */
export async function unitLogBeside(recorder: SqlRecorder): Promise<UnitLogBeside | undefined> {
  // What tenants share belongs to the events of all, and its owner is not for them to see.
  if (recorder.dialect.log !== undefined) return await inPostgres(recorder.owner ?? recorder);
  const { rows } = await recorder.query(SQLITE_SQL);
  return rows[0] === undefined ? undefined : besideOf('', String(rows[0]['name']), ENDINGS.sqlite);
}

async function inPostgres(recorder: SqlRecorder): Promise<UnitLogBeside | undefined> {
  const log = await logName(recorder);
  if (log === undefined) return undefined;
  for (const { space } of (await recorder.query(OWNERS_SQL)).rows) {
    const schema = String(space);
    const { rows } = await recorder.query(
      `SELECT left(kept, -${UNITS.length}) AS name FROM ${schema}.${OWNERS_TABLE}
       WHERE log = $1 AND right(kept, ${UNITS.length}) = '${UNITS}'
         AND to_regclass($2::text || quote_ident(left(kept, -${UNITS.length}) || '${HEAD}')) IS NOT NULL`,
      [log, `${schema}.`],
    );
    if (rows[0] !== undefined) return besideOf(`${schema}.`, String(rows[0]['name']), ENDINGS.postgres);
  }
  return undefined;
}

function besideOf(space: string, name: string, endings: readonly string[]): UnitLogBeside {
  const tables = endings.map((ending) => `${space}"${`${name}${ending}`.replaceAll('"', '""')}"`);
  const [units, head, , setAside] = tables as [string, string, string, string];
  return { name, units, head, setAside, tables };
}
