/**
 * Tables and indexes, created where they are missing.
 *
 * ```text
 * all is there                         one query, outside of any transaction: nothing is locked, and nobody waited for
 * tables, and indexes of new tables    in one transaction
 * an index of a table that is there    beside those who write to it, by one process at a time; others do not wait for it
 * ```
 *
 * On PostgreSQL even `CREATE INDEX IF NOT EXISTS` of an index that is there waits until nobody writes to the table, and
 * makes all others wait behind it; on SQLite every transaction that may write waits for all others that do.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { claimForLog } from './log-owner.js';
import { whileTurnIsHeld } from './held-turn.js';
import { takeTurn } from './sql-dialect.js';
import type { IndexesBesideWriters, SqlDialect, TriedTurns } from './sql-dialect.js';
import type { SqlQueryable } from './sql-queryable.js';
import type { Creation, Creations } from './sql-names.js';
import type { SqlRecorder } from './sql-recorder.js';

const SQLITE_RELATIONS_SQL = 'SELECT name FROM sqlite_schema WHERE $1 IS NULL';

// Each waits for a second at least before the server says that two wait for each other.
const ATTEMPTS_MAX = 10;

/**
 * Creates what is missing.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it belongs to another log
 */
export async function createMissing(recorder: SqlRecorder, wanted: Creations): Promise<void> {
  const { schema, lock, creations, isOfLog = false } = wanted;
  const { dialect } = recorder;
  const kept = isOfLog ? creations[0]?.name : undefined;
  if (kept !== undefined) await claimForLog(recorder, { kept, schema });
  const there = await namesThere(recorder, dialect, schema);
  const missing = creations.filter(({ name }) => !there.has(name));
  // In a transaction of the caller's there is no other way than in it.
  const { triedTurns: turns } = dialect;
  const besideWriters = recorder.runAlone !== undefined && turns !== undefined ? dialect.besideWriters : undefined;
  const isBeside = ({ indexed }: Creation): boolean =>
    besideWriters !== undefined && indexed !== undefined && there.has(indexed);
  const together = missing.filter((creation) => !isBeside(creation));
  if (together.length > 0) {
    await recorder.transaction(async ({ connection }) => {
      // Two that create at once would both find nothing, and one of them fail.
      await takeTurn(connection, dialect, lock);
      const now = await namesThere(connection, dialect, schema);
      for (const { name, sql } of together) if (!now.has(name)) await connection.query(sql);
    });
  }
  const runAlone = recorder.runAlone?.bind(recorder);
  if (runAlone === undefined || besideWriters === undefined || turns === undefined) return;
  for (const creation of missing.filter(isBeside))
    await createBeside(recorder, { runAlone, besideWriters, turns, schema, lock, creation });
}

/** What of a list of things is missing. */
export async function missingOf(
  recorder: SqlRecorder,
  { schema, creations }: Pick<Creations, 'schema' | 'creations'>,
): Promise<readonly Creation[]> {
  const there = await namesThere(recorder, recorder.dialect, schema);
  return creations.filter(({ name }) => !there.has(name));
}

interface CreatedBeside {
  readonly runAlone: (sql: string) => Promise<unknown>;
  readonly turns: TriedTurns;
  readonly besideWriters: IndexesBesideWriters;
  readonly schema: string | undefined;
  readonly lock: string;
  readonly creation: Creation;
}

/** Nothing is done where another process is about it: an index is worth no wait. */
async function createBeside(
  recorder: SqlRecorder,
  { runAlone, besideWriters, turns, schema, lock, creation }: CreatedBeside,
): Promise<void> {
  const isThere = async (): Promise<boolean> =>
    (await namesThere(recorder, recorder.dialect, schema)).has(creation.name);
  await whileTurnIsHeld(recorder, { name: lock, turns, clock: systemClock }, async () => {
    if (await isThere()) return;
    const space = schema === undefined ? '' : `"${schema.replaceAll('"', '""')}".`;
    for (let attempt = 1; ; attempt++) {
      try {
        await runAlone(besideWriters.createSql(creation.sql));
        // One whose creation was broken off has the name, and is of no use.
        if (!(await isThere())) await runAlone(besideWriters.repairSql(`${space}"${creation.name}"`));
        return;
      } catch (error) {
        if (attempt === ATTEMPTS_MAX || !besideWriters.isOvertaken(error)) throw error;
      }
    }
  });
}

async function namesThere(
  connection: SqlQueryable,
  { relationsSql = SQLITE_RELATIONS_SQL }: SqlDialect,
  schema: string | undefined,
): Promise<ReadonlySet<unknown>> {
  const { rows } = await connection.query(relationsSql, [schema ?? null]);
  return new Set(rows.map(({ name }) => name));
}
